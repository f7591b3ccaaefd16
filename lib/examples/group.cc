// Eight threads ask for the configuration at the same time; it is read once.

#include "singleflight/group.h"

#include <cstdio>
#include <string>
#include <thread>
#include <vector>

int main() {
  singleflight::Group<std::string> group;
  int reads = 0;  // only ever touched by work, which never runs twice at a time
  const auto read_config = [&] {
    while (group.waiting() < 7) std::this_thread::yield();  // a slow disk: all the others arrive
    ++reads;
    return std::string("colour: blue");
  };

  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      const auto config = group.Do(read_config);
      if (config.role == singleflight::Role::kLeader) {
        std::printf("read \"%s\" for %zu callers\n", config.value.c_str(), config.shared_by);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  return reads == 1 ? 0 : 1;
}
