#ifndef SINGLEFLIGHT_SERVER_MODEL_HEADERS_H_
#define SINGLEFLIGHT_SERVER_MODEL_HEADERS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/optional.h"

namespace singleflight::model {

// One header block or trailer block: fields in the order of the wire, duplicates and all, in one
// buffer. Names are lower case, as RFC 9113 §8.2 demands.
class Headers {
 public:
  struct Field {
    absl::string_view name;
    absl::string_view value;
    bool never_index;  // never to be put into a compression table (RFC 7541 §6.2.3)
  };

  class Iterator {
   public:
    Iterator(const Headers* headers, size_t at) : headers_(headers), at_(at) {}
    Field operator*() const { return (*headers_)[at_]; }
    Iterator& operator++() {
      ++at_;
      return *this;
    }
    bool operator!=(const Iterator& other) const { return at_ != other.at_; }

   private:
    const Headers* headers_;
    size_t at_;
  };

  void Add(absl::string_view name, absl::string_view value, bool never_index = false);

  size_t size() const { return fields_.size(); }
  bool empty() const { return fields_.empty(); }
  Field operator[](size_t at) const;
  Iterator begin() const { return Iterator(this, 0); }
  Iterator end() const { return Iterator(this, size()); }

  // The value of the first field of that name.
  absl::optional<absl::string_view> Find(absl::string_view name) const;
  size_t Count(absl::string_view name) const;

  // As RFC 9113 §6.5.2 counts for SETTINGS_MAX_HEADER_LIST_SIZE: 32 bytes a field beyond its text.
  size_t ListSize() const { return text_.size() + 32 * fields_.size(); }

  // Bytes of memory, this object included.
  size_t Footprint() const;

 private:
  struct Entry {
    uint32_t begin;
    uint32_t name_size;
    uint32_t value_size : 31;
    uint32_t never_index : 1;
  };

  std::string text_;  // names and values, end to end
  std::vector<Entry> fields_;
};

}  // namespace singleflight::model

#endif  // SINGLEFLIGHT_SERVER_MODEL_HEADERS_H_
