// Blocks of metadata. HeadersView reads one where it lies; Headers gathers one in a buffer of its
// own; SharedHeaders is one that several keep.

#ifndef SINGLEFLIGHT_SERVER_MODEL_HEADERS_H_
#define SINGLEFLIGHT_SERVER_MODEL_HEADERS_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <utility>

#include "absl/strings/string_view.h"
#include "absl/types/optional.h"

namespace singleflight::model {

// One field of a block. Names are lower case, as RFC 9113 §8.2 demands.
struct Field {
  absl::string_view name;
  absl::string_view value;
  bool never_index = false;  // never to be put into a compression table (RFC 7541 §6.2.3)
};

// The fields of a block: in the order of the wire, with duplicates, end to end in one run of bytes,
// each behind its lengths. It owns nothing and is cheap to copy. The bytes may be copied and kept
// elsewhere (`packed`).
class HeadersView {
 public:
  // Before each field's name and value.
  struct Lengths {
    uint32_t name;
    uint32_t value : 31;
    uint32_t never_index : 1;
  };

  class Iterator {
   public:
    Iterator(const char* begin, const char* at) : begin_(begin), at_(at) {}
    Field operator*() const {
      const Lengths lengths = LengthsAt(at_);
      const char* name = at_ + sizeof(Lengths);
      return {{name, lengths.name}, {name + lengths.name, lengths.value}, lengths.never_index == 1};
    }
    Iterator& operator++() {
      const Lengths lengths = LengthsAt(at_);
      at_ += sizeof(Lengths) + lengths.name + lengths.value;
      return *this;
    }
    bool operator!=(const Iterator& other) const { return at_ != other.at_; }

    // Where the field lies in the block; see HeadersView::At.
    size_t offset() const { return static_cast<size_t>(at_ - begin_); }

   private:
    static Lengths LengthsAt(const char* at) {
      Lengths lengths;
      std::memcpy(&lengths, at, sizeof(lengths));
      return lengths;
    }

    const char* begin_;
    const char* at_;
  };

  HeadersView() = default;
  explicit HeadersView(absl::string_view packed) : packed_(packed) {}

  bool empty() const { return packed_.empty(); }
  Iterator begin() const { return Iterator(packed_.data(), packed_.data()); }
  Iterator end() const { return Iterator(packed_.data(), packed_.data() + packed_.size()); }
  Field At(size_t offset) const { return *Iterator(packed_.data(), packed_.data() + offset); }

  // The value of the first field of that name.
  absl::optional<absl::string_view> Find(absl::string_view name) const;
  size_t Count(absl::string_view name) const;

  absl::string_view packed() const { return packed_; }

 private:
  absl::string_view packed_;
};

// One header block or trailer block, in one buffer of its own. Every field of every call is added
// to one of these, which is why it is no std::string.
class Headers {
 public:
  Headers() = default;
  Headers(const Headers& other);  // in as much memory as it takes
  Headers(Headers&& other) noexcept { swap(other); }
  Headers& operator=(Headers other) noexcept {
    swap(other);
    return *this;
  }
  void swap(Headers& other) noexcept {
    bytes_.swap(other.bytes_);
    std::swap(size_, other.size_);
    std::swap(capacity_, other.capacity_);
    std::swap(fields_, other.fields_);
  }

  void Add(absl::string_view name, absl::string_view value, bool never_index = false) {
    const HeadersView::Lengths lengths = {static_cast<uint32_t>(name.size()),
                                          static_cast<uint32_t>(value.size()) & 0x7fffffffu,
                                          never_index ? 1u : 0u};
    const size_t added = sizeof(lengths) + name.size() + value.size();
    if (capacity_ - size_ < added) MakeRoomFor(added);
    char* const field = bytes_.get() + size_;
    std::memcpy(field, &lengths, sizeof(lengths));
    Append(Append(field + sizeof(lengths), name), value);
    size_ += added;
    ++fields_;
  }
  void Add(const Field& field) { Add(field.name, field.value, field.never_index); }

  // Empties it, and keeps its memory for what comes next.
  void Clear() {
    size_ = 0;
    fields_ = 0;
  }

  HeadersView view() const { return HeadersView({bytes_.get(), size_}); }
  operator HeadersView() const { return view(); }  // NOLINT: a block is read through its view

  bool empty() const { return size_ == 0; }
  HeadersView::Iterator begin() const { return view().begin(); }
  HeadersView::Iterator end() const { return view().end(); }
  Field At(size_t offset) const { return view().At(offset); }
  absl::optional<absl::string_view> Find(absl::string_view name) const { return view().Find(name); }
  size_t Count(absl::string_view name) const { return view().Count(name); }

  size_t fields() const { return fields_; }

  // As RFC 9113 §6.5.2 counts for SETTINGS_MAX_HEADER_LIST_SIZE: 32 bytes a field beyond its text.
  size_t ListSize() const { return size_ + (32 - sizeof(HeadersView::Lengths)) * fields_; }

  // Bytes of memory, this object included.
  size_t Footprint() const { return sizeof(*this) + capacity_; }

 private:
  static char* Append(char* out, absl::string_view part) {
    if (!part.empty()) std::memcpy(out, part.data(), part.size());
    return out + part.size();
  }

  void MakeRoomFor(size_t bytes);

  std::unique_ptr<char[]> bytes_;
  size_t size_ = 0;
  size_t capacity_ = 0;
  uint32_t fields_ = 0;
};

// A block that several keep: immutable, with whatever keeps it alive.
class SharedHeaders {
 public:
  SharedHeaders() = default;  // no block, or an empty one, which stands for none
  explicit SharedHeaders(Headers headers) {
    if (headers.empty()) return;
    auto owner = std::make_shared<const Headers>(std::move(headers));
    view_ = *owner;
    owner_ = std::move(owner);
  }
  SharedHeaders(std::shared_ptr<const void> owner, HeadersView view)
      : owner_(std::move(owner)), view_(view) {}

  bool empty() const { return view_.empty(); }
  HeadersView view() const { return view_; }

 private:
  std::shared_ptr<const void> owner_;
  HeadersView view_;
};

}  // namespace singleflight::model

#endif  // SINGLEFLIGHT_SERVER_MODEL_HEADERS_H_
