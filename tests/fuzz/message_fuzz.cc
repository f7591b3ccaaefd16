// wire::MessageScanner: says of any bytes, in whatever pieces, what a look at the whole says.

#include "server/base/check.h"
#include "server/wire/message.h"
#include "tests/fuzz/input.h"

namespace singleflight::wire {
namespace {

struct Seen {
  MessageScanner::State state = MessageScanner::State::kBetween;
  uint64_t complete = 0;
  bool begun = false;  // one that is not complete
};

Seen LookAt(absl::string_view bytes) {
  Seen seen;
  while (!bytes.empty()) {
    seen.begun = true;
    seen.state = MessageScanner::State::kInside;
    if (static_cast<uint8_t>(bytes[0]) > 1) {
      seen.state = MessageScanner::State::kMalformed;
      return seen;
    }
    if (bytes.size() < kMessagePrefixBytes) return seen;
    uint64_t length = 0;
    for (size_t i = 1; i < kMessagePrefixBytes; ++i) {
      length = length * 256 + static_cast<uint8_t>(bytes[i]);
    }
    if (bytes.size() - kMessagePrefixBytes < length) return seen;
    bytes.remove_prefix(kMessagePrefixBytes + length);
    seen = {MessageScanner::State::kBetween, seen.complete + 1, false};
  }
  return seen;
}

void ExpectSays(const MessageScanner& scanner, const Seen& seen) {
  const bool between = seen.state == MessageScanner::State::kBetween;
  SF_CHECK(scanner.state() == seen.state);
  SF_CHECK(scanner.complete() == seen.complete);
  SF_CHECK(scanner.ExactlyOne() == (seen.complete == 1 && between));
  const bool inside = seen.state == MessageScanner::State::kInside;
  SF_CHECK(scanner.MoreThanOne() == (seen.complete + (inside ? 1 : 0) > 1));
}

}  // namespace
}  // namespace singleflight::wire

// The first byte says how long the pieces are.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace singleflight;
  fuzz::Input input(data, size);
  const size_t piece = 1 + input.Below(16);
  fuzz::Input bytes = input;
  const absl::string_view all = bytes.Rest();

  wire::MessageScanner whole;
  whole.Feed(all);
  wire::ExpectSays(whole, wire::LookAt(all));

  wire::MessageScanner pieces;
  for (size_t fed = 0; !input.empty();) {
    const absl::string_view next = input.Take(piece);
    pieces.Feed(next);
    fed += next.size();
    wire::ExpectSays(pieces, wire::LookAt(all.substr(0, fed)));
  }
  return 0;
}
