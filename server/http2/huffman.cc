#include "server/http2/huffman.h"

namespace singleflight::http2 {
namespace {

constexpr int kShortest = 5, kLongest = 30;
constexpr int kEnd = 256;  // the symbol that no string may contain

// RFC 7541, appendix B: how long each symbol's code is. The codes follow from it, for those of one
// length are in the order of the symbols, and behind all that are shorter.
// clang-format off
constexpr uint8_t kCodeBits[kEnd + 1] = {
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28,
    28, 28, 28, 28, 28, 28, 28, 28,  6, 10, 10, 12, 13,  6,  8, 11, 10, 10,  8, 11,  8,  6,  6,  6,
     5,  5,  5,  6,  6,  6,  6,  6,  6,  6,  7,  8, 15,  6, 12, 10, 13,  6,  7,  7,  7,  7,  7,  7,
     7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  8,  7,  8, 13, 19, 13, 14,  6,
    15,  5,  6,  5,  6,  5,  6,  6,  6,  5,  7,  7,  6,  6,  6,  5,  6,  7,  6,  5,  5,  6,  7,  7,
     7,  7,  7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
    24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22, 23, 23, 21,
    23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24,
    21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
    26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, 30,
};
// clang-format on

struct Codes {
  uint64_t beyond[kLongest + 1] = {};  // the first code, of 32 bits, that is longer than so many
  uint32_t first[kLongest + 1] = {};
  int begin[kLongest + 1] = {};  // where those of so many bits are in `symbols`
  uint16_t symbols[kEnd + 1] = {};
};

constexpr Codes MakeCodes() {
  Codes codes;
  uint32_t code = 0;
  int at = 0;
  for (int bits = kShortest; bits <= kLongest; ++bits) {
    codes.first[bits] = code;
    codes.begin[bits] = at;
    for (int symbol = 0; symbol <= kEnd; ++symbol) {
      if (kCodeBits[symbol] != bits) continue;
      codes.symbols[at++] = static_cast<uint16_t>(symbol);
      ++code;
    }
    codes.beyond[bits] = uint64_t{code} << (32 - bits);
    code <<= 1;
  }
  return codes;
}

constexpr Codes kCodes = MakeCodes();

}  // namespace

bool HuffmanReader::Feed(absl::string_view bytes, std::string* text) {
  for (const char byte : bytes) {
    bits_ = bits_ << 8 | static_cast<uint8_t>(byte);
    left_ += 8;
    while (left_ >= kShortest) {
      const auto window =
          static_cast<uint32_t>(left_ >= 32 ? bits_ >> (left_ - 32) : bits_ << (32 - left_));
      int size = kShortest;
      while (window >= kCodes.beyond[size]) ++size;
      if (size > left_) break;
      const uint32_t code = window >> (32 - size);
      const uint16_t symbol = kCodes.symbols[kCodes.begin[size] + (code - kCodes.first[size])];
      if (symbol == kEnd) return false;
      text->push_back(static_cast<char>(symbol));
      left_ -= size;
    }
  }
  return true;
}

// With less than a byte of ones.
bool HuffmanReader::MayEnd() const {
  const uint64_t ones = (uint64_t{1} << left_) - 1;
  return left_ < 8 && (bits_ & ones) == ones;
}

}  // namespace singleflight::http2
