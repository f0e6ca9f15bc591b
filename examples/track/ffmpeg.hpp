#pragma once

// FFmpeg's headers, which are C, and its objects with owners.
extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/imgutils.h>
#include <libavutil/opt.h>
#include <libswscale/swscale.h>
}

#include <memory>
#include <string>

namespace track_app {

inline std::string av_text(int error) {
  char text[AV_ERROR_MAX_STRING_SIZE] = {};
  av_strerror(error, text, sizeof text);
  return text;
}

struct free_codec {
  void operator()(AVCodecContext* p) const noexcept { avcodec_free_context(&p); }
};
struct free_frame {
  void operator()(AVFrame* p) const noexcept { av_frame_free(&p); }
};
struct free_packet {
  void operator()(AVPacket* p) const noexcept { av_packet_free(&p); }
};
struct free_scaler {
  void operator()(SwsContext* p) const noexcept { sws_freeContext(p); }
};
using codec_ptr = std::unique_ptr<AVCodecContext, free_codec>;
using frame_ptr = std::unique_ptr<AVFrame, free_frame>;
using packet_ptr = std::unique_ptr<AVPacket, free_packet>;
using scaler_ptr = std::unique_ptr<SwsContext, free_scaler>;

}  // namespace track_app
