#include "server/tls/small_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"

namespace singleflight::tls {
namespace {

absl::Status MistakeIn(const std::string& path, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("\"", path, "\" ", what));
}

absl::Status CannotRead(const std::string& path) {
  const int why = errno;
  return MistakeIn(path, absl::StrCat("cannot be read (", std::strerror(why),
                                      why == ENOENT ? "); write the path of a file that is there"
                                                    : "); give the proxy's user the right to"));
}

}  // namespace

absl::StatusOr<std::string> ReadSmallFile(const std::string& path, size_t largest) {
  // Opening a pipe would otherwise wait for its writer.
  const int fd = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return CannotRead(path);
  const absl::Cleanup close = [fd] { ::close(fd); };
  struct stat about = {};
  if (::fstat(fd, &about) != 0) return CannotRead(path);
  if (!S_ISREG(about.st_mode))
    return MistakeIn(path, "is no file; write the path of a regular one");
  std::string bytes;
  bytes.resize(std::min<size_t>(largest, static_cast<size_t>(about.st_size)) + 1);
  size_t size = 0;
  while (size < bytes.size()) {
    const ssize_t n = ::read(fd, &bytes[size], bytes.size() - size);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return CannotRead(path);
    if (n == 0) break;
    size += static_cast<size_t>(n);
    if (size == bytes.size() && size <= largest) bytes.resize(std::min(2 * size, largest + 1));
  }
  if (size > largest) {
    return MistakeIn(path, absl::StrCat("is larger than ", largest >> 20,
                                        " MiB; write the path of the right file"));
  }
  bytes.resize(size);
  return bytes;
}

}  // namespace singleflight::tls
