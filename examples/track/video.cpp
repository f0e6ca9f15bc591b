// Videos and cameras through FFmpeg's libraries.
#include "../common/user_error.hpp"
#include "ffmpeg.hpp"
#include "frames.hpp"

#ifdef HEDDLE_TRACK_DEVICES
extern "C" {
#include <libavdevice/avdevice.h>
}
#endif

namespace track_app {
namespace {

using examples::image;
using examples::user_error;

struct close_input {
  void operator()(AVFormatContext* p) const noexcept { avformat_close_input(&p); }
};
using input_ptr = std::unique_ptr<AVFormatContext, close_input>;

const AVInputFormat* device_format(const char* device, const std::string& path) {
  if (device == nullptr) {
    return nullptr;
  }
#ifdef HEDDLE_TRACK_DEVICES
  avdevice_register_all();
  if (const AVInputFormat* const format = av_find_input_format(device)) {
    return format;
  }
#endif
  throw user_error("cannot read " + path + ": this program was built without cameras (Debian: libavdevice-dev)");
}

/// Opens the container; FFmpeg frees the context itself where that fails.
input_ptr open_container(const std::string& path, const char* device) {
  const AVInputFormat* const format = device_format(device, path);
  // A plain name never reaches FFmpeg's protocols: "file:" keeps "a:b.mp4" a file.
  const std::string url = device == nullptr ? "file:" + path : path;
  AVFormatContext* raw = nullptr;
#if LIBAVFORMAT_VERSION_MAJOR < 59
  int error = avformat_open_input(&raw, url.c_str(), const_cast<AVInputFormat*>(format), nullptr);
#else
  int error = avformat_open_input(&raw, url.c_str(), format, nullptr);
#endif
  if (error < 0) {
    throw user_error("cannot read " + path + ": " +
                     (error == AVERROR_INVALIDDATA ? "it is not a video, or its beginning or end is missing" : av_text(error)));
  }
  input_ptr input(raw);
  error = avformat_find_stream_info(input.get(), nullptr);
  if (error < 0) {
    throw user_error("cannot read " + path + ": " + av_text(error));
  }
  return input;
}

class video final : public frame_source {
  std::string path_;
  input_ptr input_;
  codec_ptr decoder_;
  packet_ptr packet_{av_packet_alloc()};
  frame_ptr frame_{av_frame_alloc()};
  scaler_ptr scaler_;
  int stream_ = -1;
  bool live_;
  bool drained_ = false;
  bool first_ = true;

 public:
  video(const std::string& path, std::size_t threads, const char* device)
      : path_(path), input_(open_container(path, device)), live_(device != nullptr) {
    const AVCodec* codec = nullptr;
#if LIBAVFORMAT_VERSION_MAJOR < 59
    stream_ = av_find_best_stream(input_.get(), AVMEDIA_TYPE_VIDEO, -1, -1, const_cast<AVCodec**>(&codec), 0);
#else
    stream_ = av_find_best_stream(input_.get(), AVMEDIA_TYPE_VIDEO, -1, -1, &codec, 0);
#endif
    if (stream_ < 0) {
      throw user_error("cannot read " + path + ": it holds no video that can be decoded");
    }
    decoder_.reset(avcodec_alloc_context3(codec));
    int error = avcodec_parameters_to_context(decoder_.get(), stream()->codecpar);
    decoder_->thread_count = static_cast<int>(threads);
    if (error >= 0) {
      error = avcodec_open2(decoder_.get(), codec, nullptr);
    }
    if (error < 0) {
      throw user_error("cannot read " + path + ": " + av_text(error));
    }
  }

  double rate() const override {
    const AVRational r = av_guess_frame_rate(input_.get(), stream(), nullptr);
    return r.num > 0 && r.den > 0 ? av_q2d(r) : 0;
  }
  std::size_t count() const override { return stream()->nb_frames > 0 ? static_cast<std::size_t>(stream()->nb_frames) : 0; }
  bool is_live() const override { return live_; }

  frame_state next(image& picture) override {
    for (;;) {
      const int received = avcodec_receive_frame(decoder_.get(), frame_.get());
      if (received == 0) {
        return convert(picture) ? frame_state::good : frame_state::broken;
      }
      if (received == AVERROR_EOF) {
        return frame_state::end;
      }
      if (received != AVERROR(EAGAIN)) {
        return frame_state::broken;
      }
      if (drained_) {
        return frame_state::end;
      }
      if (!feed()) {
        return frame_state::broken;
      }
    }
  }

 private:
  AVStream* stream() const noexcept { return input_->streams[stream_]; }

  /// Gives the decoder its next packet, or the end; false where it cannot make anything of the packet.
  bool feed() {
    const int read = av_read_frame(input_.get(), packet_.get());
    if (read < 0) {  // the end, also where a file stops in the middle of a packet
      drained_ = true;
      avcodec_send_packet(decoder_.get(), nullptr);
      return true;
    }
    int sent = 0;
    if (packet_->stream_index == stream_) {
      sent = avcodec_send_packet(decoder_.get(), packet_.get());
    }
    av_packet_unref(packet_.get());
    return sent >= 0;
  }

  /// The decoded frame as RGB of the size of `picture` (of its own, for the first).
  bool convert(image& picture) {
    const AVFrame& f = *frame_;
    if (f.width <= 0 || f.height <= 0) {
      return false;
    }
    if (first_) {
      examples::check_size(path_, static_cast<std::size_t>(f.height), static_cast<std::size_t>(f.width));
      picture = image(static_cast<std::size_t>(f.height), static_cast<std::size_t>(f.width), 3);
      first_ = false;
    }
    if (f.height != static_cast<int>(picture.height) || f.width != static_cast<int>(picture.width)) {
      ++scaled_;
    }
    scaler_.reset(sws_getCachedContext(scaler_.release(), f.width, f.height, static_cast<AVPixelFormat>(f.format),
                                       static_cast<int>(picture.width), static_cast<int>(picture.height), AV_PIX_FMT_RGB24,
                                       SWS_BILINEAR | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INT, nullptr, nullptr, nullptr));
    if (scaler_ == nullptr) {
      return false;
    }
    std::uint8_t* const planes[4] = {picture.bytes.data(), nullptr, nullptr, nullptr};
    const int strides[4] = {static_cast<int>(picture.row_bytes()), 0, 0, 0};
    return sws_scale(scaler_.get(), f.data, f.linesize, 0, f.height, planes, strides) == static_cast<int>(picture.height);
  }
};

}  // namespace

std::unique_ptr<frame_source> open_video(const std::string& path, std::size_t threads, const char* device) {
  av_log_set_level(AV_LOG_FATAL);  // the program says itself what is wrong, once
  return std::make_unique<video>(path, threads, device);
}

}  // namespace track_app
