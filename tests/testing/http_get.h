#ifndef SINGLEFLIGHT_TESTS_TESTING_HTTP_GET_H_
#define SINGLEFLIGHT_TESTS_TESTING_HTTP_GET_H_

#include <string>

namespace singleflight::testing {

// A socket connected to "a.b.c.d:port" or "unix:/path", which gives up reading and writing after
// kPatience.
int ConnectTo(const std::string& address);

struct HttpReply {
  int status = 0;
  std::string head;
  std::string body;
};

// One HTTP/1.1 request on a connection of its own.
HttpReply HttpRequest(const std::string& address, const std::string& method,
                      const std::string& target);
inline HttpReply HttpGet(const std::string& address, const std::string& target) {
  return HttpRequest(address, "GET", target);
}

// Sends `bytes` on a connection of its own and returns all that comes until the other side closes.
std::string SendRaw(const std::string& address, const std::string& bytes);

}  // namespace singleflight::testing

#endif  // SINGLEFLIGHT_TESTS_TESTING_HTTP_GET_H_
