// Writes lines to a descriptor that may take none, such as a pipe that nobody reads. A thread of
// its own waits for the descriptor, and nobody waits for that thread.
//
// Lines queue up to `max_bytes`; past that the oldest are dropped. A line in their place says how
// many are missing (line_writer.cc tells how). Lines that are still queued when the writer is
// destroyed are written if the descriptor takes them.
//
// Threads: every method, from any.

#ifndef SINGLEFLIGHT_SERVER_BASE_LINE_WRITER_H_
#define SINGLEFLIGHT_SERVER_BASE_LINE_WRITER_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace singleflight::base {

class LineWriter {
 public:
  // Makes the line that stands for `lines` missing ones. Called on the writer's thread, perhaps
  // after the writer has been destroyed.
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
