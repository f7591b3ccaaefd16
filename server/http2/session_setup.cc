// How a session begins: what nghttp2 is asked for, and what the peer is told first.

#include <nghttp2/nghttp2.h>

#include <limits>
#include <vector>

#include "server/base/check.h"
#include "server/http2/frame_head.h"
#include "server/http2/session.h"
#include "server/http2/session_callbacks.h"

namespace singleflight::http2 {
namespace {

// More than the largest bounds of what comes in, which are bounds of options.
constexpr size_t kMostSentHeaderBytes = 2 << 20;

FloodGuard::Limits LimitsOf(Side side, const SessionOptions& options) {
  return side == Side::kServer ? FloodGuard::OfClient(options.reset_allowance)
                               : FloodGuard::OfBackend();
}

// What both sides do themselves, or want otherwise than nghttp2 does.
nghttp2_option* NewOption(size_t max_queued_acks, size_t most_continuations) {
  nghttp2_option* option;
  SF_CHECK(nghttp2_option_new(&option) == 0);
  // docs/decisions.md, "4. nghttp2 updates no window by itself".
  nghttp2_option_set_no_auto_window_update(option, 1);
  nghttp2_option_set_no_closed_streams(option, 1);
  nghttp2_option_set_max_outbound_ack(option, max_queued_acks);
  nghttp2_option_set_max_continuations(option, most_continuations);
  // What either side's peers may send goes out again, with fields of this program's own.
  nghttp2_option_set_max_send_header_block_length(option, kMostSentHeaderBytes);
  // gRPC servers send status messages that end in a space unencoded.
  nghttp2_option_set_no_rfc9113_leading_and_trailing_ws_validation(option, 1);
  // docs/decisions.md, "5. nghttp2's limit of resets is off": FloodGuard has the rule that fits.
  constexpr uint64_t kNoLimit = std::numeric_limits<uint64_t>::max();
  nghttp2_option_set_stream_reset_rate_limit(option, kNoLimit, kNoLimit);
  return option;
}

}  // namespace

Session::Session(Side side, const SessionOptions& options, SessionEvents& events,
                 CarrierEvents& carrier)
    : side_(side),
      options_(options),
      events_(events),
      carrier_(carrier),
      guard_(LimitsOf(side, options)),
      early_(side == Side::kServer ? Early(EarlyResets()) : Early(EarlyData())),
      long_fields_(side == Side::kServer ? FrameHead::kPrefaceBytes : 0,
                   options.max_header_list_bytes),
      block_(side == Side::kServer, options.max_header_list_bytes, options.max_header_count) {
  SetUp();
  Greet();
}

void Session::SetUp() {
  nghttp2_option* const option = NewOption(options_.max_queued_acks, guard_.most_continuations());
  auto create = nghttp2_session_client_new2;
  if (side_ == Side::kServer) {
    create = nghttp2_session_server_new2;
    // docs/decisions.md, "6. nghttp2's judgement of messages is off for clients".
    nghttp2_option_set_no_http_messaging(option, 1);
  }
  nghttp2_session_callbacks* const callbacks = Callbacks::All();
  SF_CHECK(create(&session_, callbacks, this, option) == 0);
  nghttp2_option_del(option);
  nghttp2_session_callbacks_del(callbacks);
}

void Session::Greet() {
  std::vector<nghttp2_settings_entry> settings = {
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, static_cast<uint32_t>(options_.stream_window_bytes)},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE,
       static_cast<uint32_t>(options_.max_header_list_bytes)}};
  if (side_ == Side::kServer) {
    settings.push_back({NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, options_.max_concurrent_streams});
  } else {
    settings.push_back({NGHTTP2_SETTINGS_ENABLE_PUSH, 0});
  }
  SF_CHECK(nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings.data(), settings.size()) ==
           0);
  SF_CHECK(nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0,
                                                 options_.connection_window_bytes) == 0);
  if (options_.first_stream_id != 0) {
    SF_CHECK(nghttp2_session_set_next_stream_id(session_, options_.first_stream_id) == 0);
  }
}

}  // namespace singleflight::http2
