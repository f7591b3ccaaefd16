// Holds descriptors in reserve, to close one when the process has none left.

#ifndef SINGLEFLIGHT_SERVER_ADMIN_SPARE_DESCRIPTORS_H_
#define SINGLEFLIGHT_SERVER_ADMIN_SPARE_DESCRIPTORS_H_

#include <fcntl.h>
#include <unistd.h>

#include <cstddef>
#include <vector>

namespace singleflight::admin {

class SpareDescriptors {
 public:
  explicit SpareDescriptors(size_t count) : count_(count) { Restock(); }
  SpareDescriptors(const SpareDescriptors&) = delete;
  SpareDescriptors& operator=(const SpareDescriptors&) = delete;
  ~SpareDescriptors() {
    while (Spend()) {
    }
  }

  // Frees one descriptor of the process. False: none was held.
  bool Spend() {
    if (held_.empty()) return false;
    ::close(held_.back());
    held_.pop_back();
    return true;
  }

  // Holds as many as it should, if they can be had.
  void Restock() {
    while (held_.size() < count_) {
      const int fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
      if (fd < 0) return;
      held_.push_back(fd);
    }
  }

 private:
  const size_t count_;
  std::vector<int> held_;
};

}  // namespace singleflight::admin

#endif  // SINGLEFLIGHT_SERVER_ADMIN_SPARE_DESCRIPTORS_H_
