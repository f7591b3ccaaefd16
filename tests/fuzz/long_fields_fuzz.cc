// http2::LongFields: what nghttp2 reads behind it, with the long strings put back, is what it would
// read without it. Strings are long from 16 KiB on here, so that nghttp2 takes them too.

#include "server/http2/long_fields.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "server/base/check.h"
#include "tests/fuzz/input.h"
#include "tests/http2/frames.h"

namespace singleflight::http2 {
namespace {

using testing::Fields;
using testing::Frame;

constexpr size_t kLongest = 16'000;  // code of so many bytes says more than kShown
constexpr size_t kFrameBytes = 16'384;
constexpr size_t kMost = 4 << 20;  // more than the strings of a block decode to

// A decoder that says where it fails.
class Inflater {
 public:
  Inflater() { SF_CHECK(nghttp2_hd_inflate_new(&inflater_) == 0); }
  ~Inflater() { nghttp2_hd_inflate_del(inflater_); }

  // Adds the fields that `bytes` complete, with what `whole` says of them. False: not well-formed.
  bool Feed(absl::string_view bytes, bool final, const LongField* whole, Fields* fields) {
    while (true) {
      nghttp2_nv nv;
      int flags = 0;
      const ssize_t taken = nghttp2_hd_inflate_hd2(inflater_, &nv, &flags,
                                                   reinterpret_cast<const uint8_t*>(bytes.data()),
                                                   bytes.size(), final);
      if (taken < 0) return false;
      bytes.remove_prefix(static_cast<size_t>(taken));
      if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0) fields->push_back(FieldOf(nv, whole));
      if ((flags & NGHTTP2_HD_INFLATE_FINAL) != 0) {
        nghttp2_hd_inflate_end_headers(inflater_);
        return true;
      }
      if ((flags & NGHTTP2_HD_INFLATE_EMIT) == 0 && bytes.empty()) return true;
    }
  }

 private:
  static std::pair<std::string, std::string> FieldOf(const nghttp2_nv& nv, const LongField* whole) {
    std::string name(reinterpret_cast<char*>(nv.name), nv.namelen);
    std::string value(reinterpret_cast<char*>(nv.value), nv.valuelen);
    if (whole == nullptr) return {std::move(name), std::move(value)};
    SF_CHECK(whole->left_out == 0);
    if (whole->name.has_value()) {
      SF_CHECK(name == whole->name->substr(0, LongFields::kShown));
      name = *whole->name;
    }
    if (whole->value.has_value()) {
      SF_CHECK(value == whole->value->substr(0, LongFields::kShown));
      value = *whole->value;
    }
    return {std::move(name), std::move(value)};
  }

  nghttp2_hd_inflater* inflater_;
};

// RFC 7541 §5.1
std::string Number(size_t number, int prefix_bits, uint8_t first) {
  const size_t prefix = (size_t{1} << prefix_bits) - 1;
  if (number < prefix) return std::string(1, static_cast<char>(first | number));
  std::string out(1, static_cast<char>(first | prefix));
  for (number -= prefix; number >= 128; number >>= 7) {
    out.push_back(static_cast<char>(0x80 | (number & 127)));
  }
  out.push_back(static_cast<char>(number));
  return out;
}

std::string String(fuzz::Input& input) {
  constexpr size_t kSizes[] = {0, 1, 20, kLongest, kLongest + 1, 33'000, 65'536};
  const size_t size = kSizes[input.Below(std::size(kSizes))];
  const bool coded = input.Chance();
  const std::string seed = std::string(input.Take(1 + input.Below(8))) + "a";
  std::string text;
  while (text.size() < size) text += seed;
  text.resize(size);
  return Number(size, 7, coded ? 0x80 : 0) + text;
}

// Representations, most of which are right (RFC 7541 §6).
std::string Block(fuzz::Input& input) {
  std::string block;
  for (int i = 0; i < 8 && !input.empty(); ++i) {
    switch (input.Below(6)) {
      case 0:
        block += Number(1 + input.Below(80), 7, 0x80);
        break;
      case 1:
        block += Number(input.Below(5000), 5, 0x20);
        break;
      case 2:
        block += std::string(input.Take(input.Below(8)));
        break;
      default: {
        constexpr uint8_t kKinds[] = {0x40, 0x00, 0x10};
        const size_t kind = input.Below(3);
        const size_t name = input.Chance() ? 0 : input.Below(70);
        block += Number(name, kind == 0 ? 6 : 4, kKinds[kind]);
        if (name == 0) block += String(input);
        block += String(input);
      }
    }
  }
  return block;
}

// As a peer sends it: no frame of it but the last ends it, and the first never does.
std::string Framed(const std::string& block, fuzz::Input& input) {
  std::string out;
  size_t at = 0;
  for (bool first = true; first || at < block.size(); first = false) {
    const size_t size = input.Chance() ? 1 + input.Below(kFrameBytes) : kFrameBytes;
    const std::string part = block.substr(at, size);
    at += part.size();
    out += Frame{first ? testing::kHeaders : testing::kContinuation, 0, 1, part}.Encoded();
  }
  return out + Frame{testing::kContinuation, testing::kEndHeaders, 1, ""}.Encoded();
}

// What the filter makes of `bytes`, which come in pieces.
bool Filtered(LongFields& filter, Inflater& inflater, absl::string_view bytes, size_t piece,
              Fields* fields) {
  bool right = true;
  while (!bytes.empty()) {
    absl::string_view part = bytes.substr(0, piece);
    bytes.remove_prefix(part.size());
    while (!part.empty() || filter.pending()) {
      std::string next(filter.Next(part));
      for (const Frame& frame : testing::TakeFrames(next)) {
        SF_CHECK(frame.payload.size() <= kFrameBytes);
        right = right && inflater.Feed(frame.payload, frame.Has(testing::kEndHeaders),
                                       filter.field(), fields);
      }
      SF_CHECK(next.empty());  // frames are whole
    }
  }
  return right;
}

void Run(fuzz::Input input) {
  LongFields filter(0, kMost, kLongest);
  Inflater behind, direct;
  for (int i = 0; i < 3 && !input.empty(); ++i) {
    const size_t piece = input.Chance() ? 1 + input.Below(20'000) : 1 << 20;
    const std::string block = Block(input);
    Fields expected, fields;
    const bool right = direct.Feed(block, true, nullptr, &expected);
    SF_CHECK(Filtered(filter, behind, Framed(block, input), piece, &fields) == right);
    if (!right) return;
    SF_CHECK(fields == expected);
  }
}

}  // namespace
}  // namespace singleflight::http2

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  singleflight::http2::Run(singleflight::fuzz::Input(data, size));
  return 0;
}
