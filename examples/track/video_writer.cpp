#include "video_writer.hpp"

#include <cerrno>
#include <cmath>
#include <cstdio>

#include "../common/atomic_file.hpp"
#include "../common/user_error.hpp"
#include "ffmpeg.hpp"

namespace track_app {
namespace {

using examples::user_error;

#if LIBAVFORMAT_VERSION_MAJOR < 61
using written_byte = std::uint8_t;
#else
using written_byte = const std::uint8_t;
#endif

extern "C" int write_some(void* file, written_byte* data, int size) {
  auto* const stream = static_cast<examples::atomic_file*>(file)->stream();
  return std::fwrite(data, 1, static_cast<std::size_t>(size), stream) == static_cast<std::size_t>(size)
             ? size
             : AVERROR(errno != 0 ? errno : EIO);
}

extern "C" std::int64_t seek_to(void* file, std::int64_t offset, int whence) {
  auto* const stream = static_cast<examples::atomic_file*>(file)->stream();
  if ((whence & AVSEEK_SIZE) != 0) {
    return AVERROR(ENOSYS);
  }
  return ::fseeko(stream, offset, whence & ~AVSEEK_FORCE) == 0 ? ::ftello(stream) : AVERROR(errno);
}

struct free_output {
  void operator()(AVFormatContext* p) const noexcept {
    if (p->pb != nullptr) {
      av_freep(&p->pb->buffer);
      avio_context_free(&p->pb);
    }
    avformat_free_context(p);
  }
};

/// H.264 by x264 where it is installed: every player shows it. The older MPEG-4 is part of FFmpeg itself.
const AVCodec* encoder_for(const AVOutputFormat& format) {
  for (const char* const name : {"libx264", "mpeg4"}) {
    const AVCodec* const codec = avcodec_find_encoder_by_name(name);
    if (codec != nullptr && avformat_query_codec(&format, codec->id, FF_COMPLIANCE_NORMAL) == 1) {
      return codec;
    }
  }
  return nullptr;
}

}  // namespace

struct video_writer::state {
  std::string path;
  examples::atomic_file file;
  std::unique_ptr<AVFormatContext, free_output> output;
  codec_ptr encoder;
  scaler_ptr scaler;
  frame_ptr frame{av_frame_alloc()};
  packet_ptr packet{av_packet_alloc()};
  AVStream* stream = nullptr;
  std::int64_t frames = 0;

  explicit state(const std::string& name) : path(name), file(name) {}

  void require(int result) const {
    if (result < 0) {
      throw user_error("cannot write " + path + ": " + av_text(result));
    }
  }

  void open_container() {
#if LIBAVFORMAT_VERSION_MAJOR < 59
    AVOutputFormat* const format = av_guess_format(nullptr, path.c_str(), nullptr);
#else
    const AVOutputFormat* const format = av_guess_format(nullptr, path.c_str(), nullptr);
#endif
    const AVCodec* const codec = format != nullptr ? encoder_for(*format) : nullptr;
    if (codec == nullptr) {
      throw user_error("cannot write " + path + ": its name must end in .mp4, .mkv or .avi");
    }
    AVFormatContext* raw = nullptr;
    require(avformat_alloc_output_context2(&raw, format, nullptr, nullptr));
    output.reset(raw);
    constexpr int buffer_size = 1 << 16;
    auto* const buffer = static_cast<unsigned char*>(av_malloc(buffer_size));
    output->pb = avio_alloc_context(buffer, buffer_size, 1, &file, nullptr, &write_some, &seek_to);
    encoder.reset(avcodec_alloc_context3(codec));
  }

  void open_encoder(std::size_t height, std::size_t width, double rate) {
    if (height < 2 || width < 2) {
      throw user_error("cannot write " + path + ": frames of " + std::to_string(width) + " x " + std::to_string(height) +
                       " pixels are too small for a video");
    }
    AVCodecContext& e = *encoder;
    e.height = static_cast<int>(height - height % 2);
    e.width = static_cast<int>(width - width % 2);
    e.pix_fmt = AV_PIX_FMT_YUV420P;
    e.framerate = av_d2q(rate > 0.1 && rate < 1000 ? rate : 25, 60000);
    e.time_base = av_inv_q(e.framerate);
    e.thread_count = 1;  // the tracker needs the others
    if (e.codec_id == AV_CODEC_ID_MPEG4) {
      e.bit_rate = 4'000'000;
    } else {
      av_opt_set(e.priv_data, "preset", "veryfast", 0);
      av_opt_set(e.priv_data, "crf", "20", 0);
    }
    if ((output->oformat->flags & AVFMT_GLOBALHEADER) != 0) {
      e.flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    }
    require(avcodec_open2(&e, nullptr, nullptr));
    stream = avformat_new_stream(output.get(), nullptr);
    require(stream == nullptr ? AVERROR(ENOMEM) : avcodec_parameters_from_context(stream->codecpar, &e));
    stream->time_base = e.time_base;
    stream->avg_frame_rate = e.framerate;
    require(avformat_write_header(output.get(), nullptr));
    frame->format = e.pix_fmt;
    frame->height = e.height;
    frame->width = e.width;
    require(av_frame_get_buffer(frame.get(), 0));
    scaler.reset(sws_getContext(e.width, e.height, AV_PIX_FMT_RGB24, e.width, e.height, e.pix_fmt, SWS_BILINEAR, nullptr,
                                nullptr, nullptr));
    require(scaler == nullptr ? AVERROR(ENOMEM) : 0);
  }

  /// Hands a frame (or the end) to the encoder and what comes out to the container.
  void encode(const AVFrame* next) {
    require(avcodec_send_frame(encoder.get(), next));
    for (;;) {
      const int received = avcodec_receive_packet(encoder.get(), packet.get());
      if (received == AVERROR(EAGAIN) || received == AVERROR_EOF) {
        return;
      }
      require(received);
      packet->duration = 1;
      av_packet_rescale_ts(packet.get(), encoder->time_base, stream->time_base);
      packet->stream_index = stream->index;
      require(av_interleaved_write_frame(output.get(), packet.get()));
    }
  }
};

video_writer::video_writer(const std::string& path, std::size_t height, std::size_t width, double rate)
    : state_(std::make_unique<state>(path)) {
  av_log_set_level(AV_LOG_FATAL);
  state_->open_container();
  state_->open_encoder(height, width, rate);
}

video_writer::~video_writer() = default;

void video_writer::write(const examples::image& picture) {
  state& s = *state_;
  s.require(av_frame_make_writable(s.frame.get()));
  const std::uint8_t* const planes[4] = {picture.bytes.data(), nullptr, nullptr, nullptr};
  const int strides[4] = {static_cast<int>(picture.row_bytes()), 0, 0, 0};
  sws_scale(s.scaler.get(), planes, strides, 0, s.encoder->height, s.frame->data, s.frame->linesize);
  s.frame->pts = s.frames++;
  s.encode(s.frame.get());
}

void video_writer::finish() {
  state& s = *state_;
  s.encode(nullptr);
  s.require(av_write_trailer(s.output.get()));
  avio_flush(s.output->pb);
  s.require(s.output->pb->error);
  s.file.commit();
}

}  // namespace track_app
