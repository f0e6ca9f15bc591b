/* On AMD processors the MKL inside PyTorch's wheel stays on its AVX2 code. Preloaded, this makes it take the AVX-512 path that
   it takes on Intel: gcc -shared -fPIC mkl_full_path.c -o libmklfull.so; LD_PRELOAD=./libmklfull.so python ...
   compare.py does so by itself on AMD and calls the peer torch+mkl512. */
int mkl_serv_intel_cpu_true(void) { return 1; }
