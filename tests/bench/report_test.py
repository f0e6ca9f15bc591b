"""The report of `./heddle bench --peers` on recorded lines: usage: report_test.py FOLDER_OF_BENCH_PEERS LINES"""
import os
import re
import sys
import tempfile
import unittest
import xml.etree.ElementTree

sys.dont_write_bytecode = True
PEERS, LINES = sys.argv[1:3]
sys.path.insert(0, PEERS)
import environment  # noqa: E402
import pictures  # noqa: E402
import report  # noqa: E402


class Report(unittest.TestCase):
    def setUp(self):
        self.lines = report.read(LINES)
        self.md, self.html = report.pages(self.lines)

    def test_the_best_of_several_measurements_counts(self):
        found = {r.key: r for r in report.results(self.lines)}
        self.assertEqual(found["a1"].own, 1000000)
        self.assertEqual(found["a1"].best, (1500000, "ov", "math"))
        self.assertAlmostEqual(found["a1"].ratio, 1.5)
        self.assertAlmostEqual(found["a2"].ratio, 0.5)
        self.assertEqual(report.best_limits(self.lines)["f32"], 160)

    def test_a_case_without_others_is_left_out(self):
        self.assertNotIn("c", {r.key for r in report.results(self.lines)})

    def test_markdown_has_the_figures(self):
        self.assertIn("| a1 | ViT-B, 196 tokens | 1.00 ms | 118 | 74 % | 1.50 ms (math) | 1.60 ms (sdpa) | 1.50 |", self.md)
        self.assertIn("| gemm49x49x32 |", self.md)
        self.assertIn("3.00 |", self.md)
        self.assertIn("libtorch_cpu.so | 427.6 MiB", self.md)
        self.assertIn("one attention | 5.2 s | 400 MB | 200 KiB | 100 KiB", self.md)

    def test_the_page_is_complete_in_itself(self):
        self.assertNotRegex(self.html, r"(src|href)=|https?://|@import|url\(")
        self.assertIn("prefers-color-scheme: dark", self.html)
        self.assertIn('name="viewport"', self.html)
        self.assertIn("A processor &lt;with&gt; brackets &amp; more", self.html)
        self.assertNotIn("<with>", self.html)

    def test_pictures_are_well_formed(self):
        found = re.findall(r"<svg.*?</svg>", self.html, re.S)
        self.assertEqual(len(found), 5)   # ratios, scaling and roofline of attention; ratios and roofline of products
        for text in found:
            root = xml.etree.ElementTree.fromstring(text)
            self.assertNotIn("nan", text)
            for mark in root.iter("circle"):
                self.assertTrue(0 <= float(mark.get("cx")) <= pictures.WIDTH)
        self.assertIn("a2 1024 tokens: Heddle 2.00", self.html)

    def test_files_are_written(self):
        with tempfile.TemporaryDirectory() as folder:
            said = list(report.write(LINES, folder))
            self.assertEqual(len(said), 2)
            self.assertEqual(sorted(os.listdir(folder)), ["report.html", "report.md"])

    def test_bad_lines_are_named(self):
        with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
            file.write('{"kind": "limits"}\nnonsense\n')
            file.flush()
            with self.assertRaisesRegex(SystemExit, ":2: this is not a line of JSON"):
                report.read(file.name)

    def test_an_environment_belongs_to_its_requirements(self):
        self.assertNotEqual(environment.stamp_of("torch\n", "3.11"), environment.stamp_of("torch\nnumpy\n", "3.11"))
        self.assertNotEqual(environment.stamp_of("torch\n", "3.11"), environment.stamp_of("torch\n", "3.12"))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
