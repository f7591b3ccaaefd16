// bench-client: puts load on a gRPC server and checks every reply: HTTP 200, exactly one
// grpc-status, which is 0, and the bytes that bench-responder sends. Exit status 1 if any call was
// not right, 2 for arguments that cannot be.

#include <cstdio>

#include "tests/bench/programs/client_flags.h"
#include "tests/bench/programs/command_line.h"
#include "tests/bench/programs/socket.h"

namespace singleflight::bench {
namespace {

int Main() {
  const auto order = OrderFromFlags();
  if (!order.ok()) return CannotStart("bench-client", order.status());
  RaiseDescriptorLimit();
  Client client(order->client);
  const absl::Status connected = client.Connect();
  if (!connected.ok()) return CannotStart("bench-client", connected);
  const Report report = order->run(client, order->work);
  std::fputs((order->json ? report.Json() : report.Text()).c_str(), stdout);
  return client.tally().AllRight() ? 0 : 1;
}

}  // namespace
}  // namespace singleflight::bench

int main(int argc, char** argv) {
  using namespace singleflight::bench;
  ParseFlags("bench-client", "puts load on a gRPC server and checks every reply", argc, argv);
  return Main();
}
