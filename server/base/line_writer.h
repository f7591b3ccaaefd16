// Writes lines to an output that may take none, such as a pipe that nobody reads. A thread of its
// own waits for the output, and nobody waits for that thread.
//
// Lines queue up to `max_bytes`; past that the oldest are dropped. A line in their place says how
// many are missing (line_writer.cc tells how). Lines that are still queued when the writer is
// destroyed are written if the output takes them.
//
// Threads: every method, from any.

#ifndef SINGLEFLIGHT_SERVER_BASE_LINE_WRITER_H_
#define SINGLEFLIGHT_SERVER_BASE_LINE_WRITER_H_

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "server/base/line_output.h"

namespace singleflight::base {

class LineWriter {
 public:
  // Makes the line that stands for `lines` missing ones. Called on the writer's thread, perhaps
  // after the writer has been destroyed.
  using Gap = std::function<std::string(uint64_t lines)>;

  // Where lines that are lost are counted too, beyond the life of the writer. Null: nowhere.
  using LostLines = std::shared_ptr<std::atomic<uint64_t>>;

  LineWriter(std::unique_ptr<LineOutput> output, size_t max_bytes, Gap gap,
             LostLines lost = nullptr);

  // To a descriptor that stays open for ever.
  LineWriter(int fd, size_t max_bytes, Gap gap)
      : LineWriter(std::make_unique<DescriptorOutput>(fd), max_bytes, std::move(gap)) {}

  LineWriter(const LineWriter&) = delete;
  LineWriter& operator=(const LineWriter&) = delete;
  ~LineWriter();

  // One or more lines, each with its line break. They go out together, and are dropped together.
  // Never waits.
  void Put(std::string lines);

  // Has the output opened again by its name, before anything else is written.
  void Reopen();

  // Returns when all that was put is written (true), or when nothing has been for `patience`.
  bool Drain(std::chrono::milliseconds patience);

  uint64_t dropped() const;

 private:
  class Queue;

  const std::shared_ptr<Queue> queue_;
};

}  // namespace singleflight::base

#endif  // SINGLEFLIGHT_SERVER_BASE_LINE_WRITER_H_
