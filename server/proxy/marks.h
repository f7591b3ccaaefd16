#ifndef SINGLEFLIGHT_SERVER_PROXY_MARKS_H_
#define SINGLEFLIGHT_SERVER_PROXY_MARKS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "server/core/bypass.h"
#include "server/core/release.h"
#include "server/core/waiter.h"

namespace singleflight::proxy {

// `reply_marks:` of the configuration.
struct MarkOptions {
  std::string name = "singleflight";  // of this proxy in cache-status; a token
  bool age = true;
  bool cache_status = true;
};

inline constexpr size_t kLongestMarkName = 64;

// What replies on routes with collapse or cache say about how they came: `age` (RFC 9111 §5.1) and
// one more member of `cache-status` (RFC 9211). The fields live as long as this does.
class Marks {
 public:
  // Of what the read path answered. None for what this program says itself. `by_request`: the
  // request's cache-control decided what of the cache its caller takes.
  Marks(const MarkOptions& options, const core::Answer& answer, base::Instant now,
        bool by_request = false);

  // Of a call that was relayed, and why.
  Marks(const MarkOptions& options, core::Bypass why, absl::Duration age);

  // Of a call whose flight could not share its reply: of the leader, which goes on with it, and of
  // others, which make calls of their own.
  Marks(const MarkOptions& options, core::Release why, Role role, absl::Duration age);

  Marks(const Marks&) = delete;
  Marks& operator=(const Marks&) = delete;

  absl::Span<const model::Field> fields() const { return {fields_.data(), count_}; }

 private:
  void AddAge(const MarkOptions& options, int64_t seconds);
  void BeginStatus(const MarkOptions& options);
  void Append(absl::string_view text);
  void AppendNumber(int64_t number);
  void EndStatus(const MarkOptions& options);

  std::array<char, 192> text_;
  size_t used_ = 0;
  size_t status_begins_ = 0;
  std::array<model::Field, 2> fields_;
  size_t count_ = 0;
};

}  // namespace singleflight::proxy

#endif  // SINGLEFLIGHT_SERVER_PROXY_MARKS_H_
