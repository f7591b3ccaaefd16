// Looks at what a peer sends before nghttp2 does, and shortens the strings in header blocks that
// nghttp2 does not take. It ends the whole connection for a name or value whose code is longer than
// 64 KiB, where RFC 9113 §10.5.1 lets one call be refused.
//
// How: only a block of several frames can have such a string. Its frames are taken whole, one at a
// time, and its representations are followed (RFC 7541 §6): where each string begins and how long
// it says to be. In place of a long one nghttp2 is given the string's first kShown bytes; what it
// then checks of name and value is true of the long one too, as far as that goes. An entry of so
// many bytes empties the compression table as the long one would have (§4.4), so both ends keep the
// same table. The true string is decoded here, up to `most` bytes in a block. A frame that
// completes a field with a long string is returned by itself, and while nghttp2 reads it, `field()`
// says what belongs there. What is not well-formed goes on as it is, for nghttp2 to find.
//
// Cost: nine bytes of each frame are looked at; blocks in one frame pass without being copied.

#ifndef SINGLEFLIGHT_SERVER_HTTP2_LONG_FIELDS_H_
#define SINGLEFLIGHT_SERVER_HTTP2_LONG_FIELDS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "server/base/block_bytes.h"
#include "server/http2/frame_head.h"
#include "server/http2/huffman.h"

namespace singleflight::http2 {

// A field of which nghttp2 was told the beginning only.
struct LongField {
  absl::optional<std::string> name, value;  // the true ones; those that were told whole are not set
  size_t left_out = 0;                      // bytes that were not kept, for there were too many
};

class LongFields {
 public:
  // What nghttp2 1.52 takes (NGHTTP2_HD_MAX_NV).
  static constexpr size_t kLong = 65536;

  // More than the compression table, which is never larger than 4 KiB here, can hold.
  static constexpr size_t kShown = 4096;

  // `preface`: bytes before the first frame. `longest`: code that nghttp2 is given; a longer one
  // stands for more than kShown bytes, each of which takes 30 bits at most.
  LongFields(size_t preface, size_t most, size_t longest = kLong);

  // The next bytes that nghttp2 is to be given; they go from the front of `bytes`. Call until that
  // is empty and nothing is pending. What is returned may be empty, and is valid until the next
  // call.
  absl::string_view Next(absl::string_view& bytes);
  bool pending() const { return piece_ < pieces_.size(); }

  // What was returned is not needed any more; keeps no memory of it.
  void Release() {
    if (!pieces_.empty() && !pending()) ReleasePieces();
  }

  // Whether the beginning of a frame of a block has come, and not its end.
  bool holds_block() const { return held_.size() >= FrameHead::kBytes; }

  // In bytes of memory.
  size_t footprint() const { return base::BlockBytesOf(held_) + base::BlockBytesOf(text_); }

  // The field that the bytes returned last complete; null: one that nghttp2 knows whole, or none.
  const LongField* field() const { return field_of_returned_; }

  // Bytes that the long strings of the block that is being received have or will have at least.
  size_t announced() const { return announced_; }

  // The stream of the last block that had several frames.
  int32_t block_stream() const { return static_cast<int32_t>(block_stream_); }

  // A frame of a block was longer than this side allows (RFC 9113 §4.2); nothing more is returned.
  bool oversized() const { return oversized_; }

 private:
  // Where in a representation the block is.
  enum class At { kBegin, kIndexed, kTableSize, kNameIndex, kNameSize, kName, kValueSize, kValue };

  // A frame, or the part of one, that nghttp2 is to be given.
  struct Piece {
    std::string frame;
    absl::optional<LongField> completes;
  };

  void ReleasePieces();
  bool Hold(absl::string_view& bytes);
  size_t Passing(absl::string_view bytes);
  void TakeHeld();
  bool IsTaken(absl::string_view head) const;
  void TakeFrame(absl::string_view frame);
  void Follow(absl::string_view block);
  void Begin(char byte);
  void BeginNumber(At at, int prefix_bits);
  void TakeNumber(absl::string_view& block);
  void NumberEnded();
  bool InNumber() const;
  void BeginString();
  void TakeString(absl::string_view& block);
  void TakeLong(absl::string_view bytes);
  void LeaveOut(absl::string_view bytes);
  void BreakString();
  void LongEnded();
  void StringEnded();
  void Break(absl::string_view block);
  void EndPiece(absl::optional<LongField> completes);

  // Many members: what may stop after any byte keeps all of its state here.
  const size_t most_;
  const size_t longest_;
  size_t pass_;       // bytes that are left of what passes
  std::string held_;  // the beginning of a frame that has not come whole
  std::string head_;  // one that had not, and was returned
  bool oversized_ = false;

  // The frames of a block that are being taken.
  bool in_block_ = false;
  uint32_t block_stream_ = 0;
  bool broken_ = false;  // the block is not well-formed
  std::vector<Piece> pieces_;
  size_t piece_ = 0;  // the next to be returned
  const LongField* field_of_returned_ = nullptr;
  std::string out_;  // the payload of the piece that is being made

  // The representation that is being followed.
  At at_ = At::kBegin;
  std::string number_;  // the bytes of a number that is not whole
  int prefix_bits_ = 0;
  uint64_t value_ = 0;
  bool huffman_ = false;
  size_t left_ = 0;  // bytes of the string's code to come
  bool long_ = false;

  // The field that it makes.
  absl::optional<LongField> field_;  // with a long string
  HuffmanReader reader_;
  std::string text_;  // of the long string
  size_t kept_ = 0;   // bytes of the block's long strings
  bool cut_ = false;  // no more of this one are kept
  size_t announced_ = 0;
};

}  // namespace singleflight::http2

#endif  // SINGLEFLIGHT_SERVER_HTTP2_LONG_FIELDS_H_
