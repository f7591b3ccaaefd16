// What stands in single fields: grpc-timeout, grpc-status, grpc-message.

#include <string>

#include "absl/strings/numbers.h"
#include "server/base/check.h"
#include "server/wire/status.h"
#include "server/wire/timeout.h"
#include "tests/fuzz/input.h"

namespace singleflight::wire {
namespace {

// At most eight digits of the coarsest unit.
constexpr absl::Duration kLongest = absl::Hours(99'999'999);

void ReadTimeout(absl::string_view text) {
  const absl::optional<absl::Duration> timeout = ParseTimeout(text);
  if (!timeout.has_value()) return;
  SF_CHECK(*timeout >= absl::ZeroDuration() && *timeout <= kLongest);
  SF_CHECK(text.size() >= 2 && text.size() <= 9);
  // What goes on is never longer, and loses less than one part in ten million.
  const absl::optional<absl::Duration> again = ParseTimeout(FormatTimeout(*timeout));
  SF_CHECK(again.has_value());
  if (*timeout == absl::ZeroDuration()) return SF_CHECK(*again == absl::Nanoseconds(1));
  SF_CHECK(*again == *timeout);
}

void WriteTimeout(absl::Duration timeout) {
  const std::string text = FormatTimeout(timeout);
  const absl::optional<absl::Duration> read = ParseTimeout(text);
  SF_CHECK(read.has_value() && *read > absl::ZeroDuration());
  if (timeout < absl::Nanoseconds(1)) return SF_CHECK(text == "1n");
  SF_CHECK(*read <= timeout);
  // The next finer unit, a thousandth or more of this one, would have taken more than eight digits.
  const absl::Duration lost = timeout - *read;
  if (timeout <= kLongest) SF_CHECK(lost < absl::Nanoseconds(1) || lost <= timeout / 100'000);
}

void ReadStatus(absl::string_view text) {
  const absl::optional<StatusCode> code = ParseStatus(text);
  int number = -1;
  const bool digits = text.find_first_not_of("0123456789") == absl::string_view::npos;
  const bool is_code = !text.empty() && text.size() <= 2 && digits &&
                       absl::SimpleAtoi(text, &number) && number < int{kStatusCodes};
  SF_CHECK(code.has_value() == is_code);
  if (!is_code) return;
  SF_CHECK(static_cast<int>(*code) == number);
  SF_CHECK(!NameOf(*code).empty());
}

void EncodeAndDecode(absl::string_view text) {
  const std::string encoded = EncodeMessage(text);
  for (const char c : encoded) SF_CHECK(c >= 0x20 && c <= 0x7e);
  SF_CHECK(DecodeMessage(encoded) == text);
  SF_CHECK(encoded.size() <= 3 * text.size());
  SF_CHECK(DecodeMessage(text).size() <= text.size());
}

}  // namespace
}  // namespace singleflight::wire

// Eight bytes are a timeout in nanoseconds as well, the first four a reset's code.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace singleflight;
  const absl::string_view text = fuzz::Input(data, size).Rest();
  wire::ReadTimeout(text);
  wire::ReadStatus(text);
  wire::EncodeAndDecode(text);

  fuzz::Input input(data, size);
  uint64_t number = 0;
  for (int i = 0; i < 8; ++i) number = number << 8 | input.Byte();
  SF_CHECK(wire::StatusOfReset(static_cast<uint32_t>(number >> 32)) != wire::StatusCode::kOk);
  const auto count = static_cast<int64_t>(number);
  wire::WriteTimeout(absl::Nanoseconds(count));
  wire::WriteTimeout(absl::Seconds(count));
  wire::WriteTimeout(absl::Nanoseconds(count) / 7);
  return 0;
}
