// wire::Inflate: whatever a stream claims, what comes out is whole and within its bound, or nothing
// does.

#include <string>

#include "server/base/check.h"
#include "server/wire/encoding.h"
#include "server/wire/message.h"
#include "tests/fuzz/input.h"
#include "tests/wire/deflated.h"

namespace singleflight::wire {
namespace {

void Undo(Encoding encoding, absl::string_view in, size_t max) {
  std::string out = "before";
  const Inflated inflated = Inflate(encoding, in, max, &out);
  SF_CHECK(out.compare(0, 6, "before") == 0);
  SF_CHECK(out.size() <= 6 + max);
  if (inflated != Inflated::kWhole) return SF_CHECK(out == "before");
  // One stream and nothing else: neither less nor more of it is one.
  std::string none;
  SF_CHECK(Inflate(encoding, in.substr(0, in.size() - 1), max, &none) != Inflated::kWhole);
  SF_CHECK(Inflate(encoding, std::string(in) + "x", max, &none) != Inflated::kWhole);
  SF_CHECK(none.empty());
}

void ThereAndBack(Encoding encoding, absl::string_view message) {
  const std::string in = Deflated(encoding, message, 1);
  std::string out;
  SF_CHECK(Inflate(encoding, in, message.size(), &out) == Inflated::kWhole);
  SF_CHECK(out == message);
  if (message.empty()) return;
  SF_CHECK(Inflate(encoding, in, message.size() - 1, &out) == Inflated::kTooLarge);
}

// A frame, whatever stands in its prefix.
void UndoFrame(Encoding encoding, absl::string_view in, size_t max) {
  std::string out = "before";
  const Inflated inflated = InflateFrame(encoding, in, max, &out);
  SF_CHECK(out.size() <= max);
  if (inflated != Inflated::kWhole) return SF_CHECK(out.empty());
  MessageScanner scanner;
  scanner.Feed(out);
  SF_CHECK(scanner.ExactlyOne() && out[0] == 0);
}

std::string Framed(absl::string_view body) {
  std::string frame(1, '\1');
  for (int shift = 24; shift >= 0; shift -= 8) {
    frame.push_back(static_cast<char>(body.size() >> shift));
  }
  return frame.append(body.data(), body.size());
}

}  // namespace
}  // namespace singleflight::wire

// The first byte says which encoding and how much may come out.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace singleflight;
  fuzz::Input input(data, size);
  const wire::Encoding encoding = input.Chance() ? wire::Encoding::kGzip : wire::Encoding::kDeflate;
  const size_t max = size_t{1} << input.Below(17);
  const absl::string_view bytes = input.Rest();
  wire::Undo(encoding, bytes, max);
  wire::ThereAndBack(encoding, bytes);
  wire::UndoFrame(encoding, wire::Framed(bytes), max);
  return 0;
}
