// How header blocks are followed without being decoded.
//
// From the outside in: Next hands out bytes that pass, and pieces that were made of frames. Hold
// gathers a frame of a block. TakeFrame makes pieces of it. Follow goes over its representations,
// byte by byte where numbers are (TakeNumber), string by string where text is (TakeString). A
// string that is too long for nghttp2 is collected by TakeLong, and LongEnded puts its beginning in
// place.
//
// The state between two bytes is `at_`, and what belongs to it stands in three groups below each
// other in the header: the block, the representation, the field.

#include "server/http2/long_fields.h"

#include <algorithm>
#include <utility>

#include "server/http2/frame_head.h"

namespace singleflight::http2 {
namespace {

constexpr size_t kMaxFrame = 16384;  // this side never allows more (RFC 9113 §6.5.2)
constexpr size_t kPriorityBytes = 5;

// A string that says to be longer than anything can be, which nghttp2 takes for what it is.
constexpr absl::string_view kImpossible = "\x7f\xff\xff\xff\xff\x7f";

std::string Head(size_t length, uint8_t type, uint8_t flags, absl::string_view stream) {
  std::string head;
  head.push_back(static_cast<char>(length >> 16));
  head.push_back(static_cast<char>(length >> 8));
  head.push_back(static_cast<char>(length));
  head.push_back(static_cast<char>(type));
  head.push_back(static_cast<char>(flags));
  head.append(stream.data(), stream.size());
  return head;
}

// The length of a string of kShown bytes without Huffman code (RFC 7541 §5.1).
void AppendShownSize(std::string* out) {
  constexpr size_t kBeyondPrefix = LongFields::kShown - 127;
  out->push_back(127);
  out->push_back(static_cast<char>(0x80 | (kBeyondPrefix & 127)));
  out->push_back(static_cast<char>(kBeyondPrefix >> 7));
}

// Where the header block lies in a frame of its own; none: the frame's padding is not possible.
absl::optional<absl::string_view> FragmentOf(absl::string_view frame) {
  const FrameHead head(frame);
  absl::string_view payload = frame.substr(FrameHead::kBytes);
  if (head.type() != FrameHead::kHeaders) return payload;
  size_t padding = 0;
  if (head.Has(FrameHead::kPadded)) {
    if (payload.empty()) return absl::nullopt;
    padding = static_cast<uint8_t>(payload[0]);
    payload.remove_prefix(1);
  }
  const size_t priority = head.Has(FrameHead::kPriority) ? kPriorityBytes : 0;
  if (padding + priority > payload.size()) return absl::nullopt;
  return payload.substr(priority, payload.size() - priority - padding);
}

}  // namespace

LongFields::LongFields(size_t preface, size_t most, size_t longest)
    : most_(std::max(most, kShown)), longest_(longest), pass_(preface) {}

absl::string_view LongFields::Next(absl::string_view& bytes) {
  field_of_returned_ = nullptr;
  if (pending()) {
    const Piece& piece = pieces_[piece_++];
    if (piece.completes.has_value()) field_of_returned_ = &*piece.completes;
    return piece.frame;
  }
  Release();
  if (!held_.empty()) {
    if (!Hold(bytes)) return {};
    if (IsTaken(held_)) {
      TakeHeld();
      return {};
    }
    in_block_ = false;
    pass_ = FrameHead(held_).length();
    head_ = std::exchange(held_, "");
    return head_;
  }
  const size_t passing = Passing(bytes);
  const absl::string_view before = bytes.substr(0, passing);
  bytes.remove_prefix(passing);
  if (!bytes.empty() && Hold(bytes)) TakeHeld();
  return before;
}

void LongFields::ReleasePieces() {
  pieces_ = {};
  piece_ = 0;
  field_of_returned_ = nullptr;
}

// How many of the bytes are of frames that pass.
size_t LongFields::Passing(absl::string_view bytes) {
  size_t at = 0;
  while (true) {
    const size_t passing = std::min(pass_, bytes.size() - at);
    at += passing;
    pass_ -= passing;
    const absl::string_view rest = bytes.substr(at);
    if (rest.size() < FrameHead::kBytes || IsTaken(rest)) return at;
    in_block_ = false;
    pass_ = FrameHead::kBytes + FrameHead(rest).length();
  }
}

void LongFields::TakeHeld() {
  TakeFrame(held_);
  base::LetGo(held_);
}

// Moves bytes to `held_` until there is a frame's head and, if the frame is to be taken, all of it;
// false: there are too few. What has been held is looked at by the next call of Next.
bool LongFields::Hold(absl::string_view& bytes) {
  if (oversized_) bytes = {};
  const auto fill = [&](size_t size) {
    if (held_.size() >= size) return true;
    const size_t more = std::min(size - held_.size(), bytes.size());
    held_.append(bytes.data(), more);
    bytes.remove_prefix(more);
    return held_.size() == size;
  };
  if (!fill(FrameHead::kBytes)) return false;
  if (!IsTaken(held_)) return true;
  const FrameHead head(held_);
  oversized_ = head.length() > kMaxFrame;
  return !oversized_ && fill(FrameHead::kBytes + head.length());
}

bool LongFields::IsTaken(absl::string_view bytes) const {
  const FrameHead head(bytes);
  if (!in_block_) return head.OpensBlock();
  return head.type() == FrameHead::kContinuation && head.stream() == block_stream_;
}

// Makes pieces of a frame: as many frames as it needs for each field with a long string to end in
// one of its own.
void LongFields::TakeFrame(absl::string_view frame) {
  const FrameHead head(frame);
  const absl::optional<absl::string_view> fragment = FragmentOf(frame);
  if (!in_block_) {
    at_ = At::kBegin;
    number_.clear();
    broken_ = !fragment.has_value();
    field_.reset();
    kept_ = announced_ = 0;
    block_stream_ = head.stream();
  }
  in_block_ = !head.Has(FrameHead::kEndHeaders);
  if (!fragment.has_value()) return pieces_.push_back({std::string(frame), {}});
  Follow(*fragment);
  // A number without end, for nghttp2 to find.
  if (!in_block_ && !broken_ && InNumber()) out_ += number_;
  EndPiece({});
  const absl::string_view stream = frame.substr(5, 4);
  const bool prioritized = head.type() == FrameHead::kHeaders && head.Has(FrameHead::kPriority);
  if (prioritized) {
    const size_t at = static_cast<size_t>(fragment->data() - frame.data()) - kPriorityBytes;
    pieces_[0].frame.insert(0, frame.substr(at, kPriorityBytes).data(), kPriorityBytes);
  }
  for (size_t i = 0; i < pieces_.size(); ++i) {
    uint8_t flags = i == 0 ? static_cast<uint8_t>(frame[4]) & ~FrameHead::kPadded : 0;
    flags &= ~FrameHead::kEndHeaders;
    if (i + 1 == pieces_.size() && !in_block_) flags |= FrameHead::kEndHeaders;
    std::string& payload = pieces_[i].frame;
    payload.insert(
        0, Head(payload.size(), i == 0 ? head.type() : FrameHead::kContinuation, flags, stream));
  }
}

// A number that began in the frame before may make it longer than that frame was.
void LongFields::EndPiece(absl::optional<LongField> completes) {
  while (out_.size() > kMaxFrame) {
    pieces_.emplace_back().frame = out_.substr(0, kMaxFrame);
    out_.erase(0, kMaxFrame);
  }
  Piece& last = pieces_.emplace_back();
  last.frame.swap(out_);
  last.completes = std::move(completes);
}

void LongFields::Follow(absl::string_view block) {
  while (!block.empty()) {
    if (broken_) return Break(block);
    switch (at_) {
      case At::kBegin:
        Begin(block.front());
        break;
      case At::kName:
      case At::kValue:
        TakeString(block);
        break;
      case At::kIndexed:
      case At::kTableSize:
      case At::kNameIndex:
      case At::kNameSize:
      case At::kValueSize:
        TakeNumber(block);
        break;
    }
  }
}

// RFC 7541 §6. The byte is looked at only; it begins a number.
void LongFields::Begin(char first) {
  const auto byte = static_cast<uint8_t>(first);
  if ((byte & 0x80) != 0) return BeginNumber(At::kIndexed, 7);
  if ((byte & 0x40) != 0) return BeginNumber(At::kNameIndex, 6);
  if ((byte & 0x20) != 0) return BeginNumber(At::kTableSize, 5);
  BeginNumber(At::kNameIndex, 4);
}

void LongFields::BeginNumber(At at, int prefix_bits) {
  at_ = at;
  prefix_bits_ = prefix_bits;
  number_.clear();
}

// RFC 7541 §5.1. Larger numbers than four bytes hold are none that nghttp2 takes.
void LongFields::TakeNumber(absl::string_view& block) {
  const char byte = block.front();
  block.remove_prefix(1);
  const auto bits = static_cast<uint8_t>(byte);
  const uint64_t prefix = (uint64_t{1} << prefix_bits_) - 1;
  if (number_.empty()) {
    value_ = bits & prefix;
    huffman_ = (bits & 0x80) != 0;  // where it is a string's size
    number_.push_back(byte);
    if (value_ < prefix) NumberEnded();
    return;
  }
  value_ += uint64_t{bits & 0x7fu} << (7 * (number_.size() - 1));
  number_.push_back(byte);
  if (value_ > 0xffffffff || number_.size() > 6) {
    broken_ = true;
    out_ += number_;
    return;
  }
  if ((bits & 0x80) == 0) NumberEnded();
}

void LongFields::NumberEnded() {
  switch (at_) {
    case At::kIndexed:
    case At::kTableSize:
      out_ += number_;
      at_ = At::kBegin;
      break;
    case At::kNameIndex:
      out_ += number_;
      BeginNumber(value_ == 0 ? At::kNameSize : At::kValueSize, 7);
      break;
    case At::kNameSize:
    case At::kValueSize:
      BeginString();
      break;
    case At::kBegin:
    case At::kName:
    case At::kValue:
      break;
  }
}

bool LongFields::InNumber() const {
  return at_ != At::kBegin && at_ != At::kName && at_ != At::kValue;
}

void LongFields::BeginString() {
  at_ = at_ == At::kNameSize ? At::kName : At::kValue;
  left_ = value_;
  long_ = left_ > longest_;
  if (!long_) {
    out_ += number_;
    if (left_ == 0) StringEnded();
    return;
  }
  announced_ += left_;
  EndPiece({});  // others' fields end before this one does
  if (!field_.has_value()) field_.emplace();
  reader_ = HuffmanReader();
  text_.clear();
  cut_ = false;
}

void LongFields::TakeString(absl::string_view& block) {
  const absl::string_view part = block.substr(0, left_);
  block.remove_prefix(part.size());
  left_ -= part.size();
  if (long_) {
    TakeLong(part);
  } else {
    out_.append(part.data(), part.size());
  }
  if (left_ > 0 || broken_) return;
  if (long_) LongEnded();
  if (!broken_) StringEnded();
}

void LongFields::TakeLong(absl::string_view bytes) {
  if (cut_) return LeaveOut(bytes);
  const size_t before = text_.size();
  if (!huffman_) {
    text_.append(bytes.data(), bytes.size());
  } else if (!reader_.Feed(bytes, &text_)) {
    return BreakString();
  }
  kept_ += text_.size() - before;
  if (kept_ <= most_ || text_.size() < kShown) return;
  cut_ = true;
  field_->left_out += text_.size() - kShown;
  kept_ -= text_.size() - kShown;
  text_.resize(kShown);
  text_.shrink_to_fit();
}

// It has to be well-formed all the same.
void LongFields::LeaveOut(absl::string_view bytes) {
  std::string text;
  if (!huffman_) {
    field_->left_out += bytes.size();
  } else if (reader_.Feed(bytes, &text)) {
    field_->left_out += text.size();
  } else {
    BreakString();
  }
}

void LongFields::BreakString() {
  broken_ = true;
  out_.append(kImpossible.data(), kImpossible.size());
}

void LongFields::LongEnded() {
  if (huffman_ && !reader_.MayEnd()) return BreakString();
  AppendShownSize(&out_);
  out_.append(text_, 0, kShown);
  (at_ == At::kName ? field_->name : field_->value) = std::move(text_);
  text_.clear();
  if (at_ == At::kName) EndPiece({});
}

void LongFields::StringEnded() {
  if (at_ == At::kName) return BeginNumber(At::kValueSize, 7);
  at_ = At::kBegin;
  if (field_.has_value()) EndPiece(std::exchange(field_, absl::nullopt));
}

// The rest goes on as it came; nghttp2 knows what it is.
void LongFields::Break(absl::string_view block) { out_.append(block.data(), block.size()); }

}  // namespace singleflight::http2
