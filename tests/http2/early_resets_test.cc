#include "server/http2/early_resets.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "tests/http2/frames.h"

namespace singleflight::http2::testing {
namespace {

std::string Filtered(EarlyResets& resets, absl::string_view bytes) {
  std::string out;
  while (!bytes.empty()) absl::StrAppend(&out, resets.Next(bytes));
  return out;
}

std::string Begun(int32_t stream) { return EncodedHeaders(stream, RequestFields()); }

std::string Reset(int32_t stream) { return RstStream(stream, 8).Encoded(); }

struct Case {
  std::string what;
  std::string sent;
  std::string read;
};

std::vector<Case> Cases() {
  const std::string hello = std::string(kPreface) + Settings({{kInitialWindowSize, 1}}).Encoded();
  const std::string open = Frame{kHeaders, 0, 7, "abc"}.Encoded();
  const std::string ended = Frame{kContinuation, kEndHeaders, 7, "def"}.Encoded();
  const std::string odd_size = Frame{kRstStream, 0, 1, "12345"}.Encoded();
  return {
      {"nothing of the kind", hello + Begun(1) + Data(1, "abc").Encoded(),
       hello + Begun(1) + Data(1, "abc").Encoded()},
      {"a reset of what has begun", hello + Begun(1) + Reset(1), hello + Begun(1) + Reset(1)},
      {"of what began before", hello + Begun(7) + Reset(5), hello + Begun(7) + Reset(5)},
      {"the first frame", hello + Reset(1), hello},
      {"in between", hello + Begun(1) + Reset(3) + Begun(5) + Reset(5),
       hello + Begun(1) + Begun(5) + Reset(5)},
      {"several", hello + Reset(1) + Reset(3) + Begun(5), hello + Begun(5)},
      {"a payload that looks like one", hello + Data(1, Reset(9)).Encoded() + Begun(1),
       hello + Data(1, Reset(9)).Encoded() + Begun(1)},
      {"a stream of the server's", hello + Reset(2), hello + Reset(2)},
      {"stream zero", hello + Reset(0), hello + Reset(0)},
      {"within a header block", hello + open + Reset(9) + ended, hello + open + Reset(9) + ended},
      {"behind a header block of two frames", hello + open + ended + Reset(9) + Begun(11),
       hello + open + ended + Begun(11)},
      {"another length", hello + odd_size, hello + odd_size},
  };
}

TEST(EarlyResetsTest, OnlyResetsOfStreamsThatNeverBeganAreTakenOut) {
  for (const Case& one : Cases()) {
    EarlyResets resets;
    EXPECT_EQ(Filtered(resets, one.sent), one.read) << one.what;
    EXPECT_EQ(resets.count() * Reset(1).size(), one.sent.size() - one.read.size()) << one.what;
  }
}

TEST(EarlyResetsTest, HowBytesComeMakesNoDifference) {
  for (const Case& one : Cases()) {
    for (size_t cut = 0; cut <= one.sent.size(); ++cut) {
      EarlyResets halves;
      const absl::string_view sent = one.sent;
      const std::string first = Filtered(halves, sent.substr(0, cut));
      EXPECT_EQ(first + Filtered(halves, sent.substr(cut)), one.read) << one.what << " at " << cut;
    }
    EarlyResets crumbs;
    std::string read;
    for (const char byte : one.sent) read += Filtered(crumbs, absl::string_view(&byte, 1));
    EXPECT_EQ(read, one.read) << one.what << " byte by byte";
  }
}

}  // namespace
}  // namespace singleflight::http2::testing
