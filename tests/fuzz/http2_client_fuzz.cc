// http2::Session as a client, with a peer and an owner that do whatever the input says.

#include "tests/fuzz/http2_machine.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace singleflight::http2;
  fuzz::Input input(data, size);
  fuzz::Machine(Side::kClient, input).Run();
  return 0;
}
