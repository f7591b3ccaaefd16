#ifndef SINGLEFLIGHT_SERVER_BASE_LINE_WRITER_H_
#define SINGLEFLIGHT_SERVER_BASE_LINE_WRITER_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace singleflight::base {

// Writes lines to a descriptor that may take none, such as a pipe that nobody reads. A thread of
// its own waits for the descriptor, and nobody waits for that thread.
//
// Lines queue up to `max_bytes`; beyond, the oldest make room. Lines that went this way, or whose
// write failed, are counted, and a line in their place says how many they are as soon as the
// descriptor takes one. What is still queued when this goes is written if the descriptor takes it;
// the thread shares what it needs, so that it may outlive everything.
// Threads: every method, from any.
class LineWriter {
 public:
  // The line that stands for so many. Called on the writer's thread, be it after this has gone.
  using Gap = std::function<std::string(uint64_t lines)>;

  LineWriter(int fd, size_t max_bytes, Gap gap);
  LineWriter(const LineWriter&) = delete;
  LineWriter& operator=(const LineWriter&) = delete;
  ~LineWriter();

  // `line` ends with a line break. Never waits.
  void Put(std::string line);

  // Returns when all that was put is written (true), or when nothing has been for `patience`.
  bool Drain(std::chrono::milliseconds patience);

  uint64_t dropped() const;

 private:
  class Queue;

  const std::shared_ptr<Queue> queue_;
};

}  // namespace singleflight::base

#endif  // SINGLEFLIGHT_SERVER_BASE_LINE_WRITER_H_
