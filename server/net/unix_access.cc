#include "server/net/unix_access.h"

#include <fcntl.h>
#include <grp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <limits>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace singleflight::net {
namespace {

constexpr mode_t kModeOfAGroup = 0660;
constexpr size_t kMostBytesOfAGroup = 1 << 20;  // with all its members

absl::Status Failure(const std::string& path, absl::string_view what, int error,
                     absl::string_view cure) {
  return absl::UnavailableError(
      absl::StrCat("cannot give unix:", path, " ", what, ": ", std::strerror(error), cure));
}

}  // namespace

absl::optional<gid_t> GroupId(absl::string_view group) {
  // The greatest one means "as it is" to chown.
  if (gid_t number; absl::SimpleAtoi(group, &number)) {
    return number == std::numeric_limits<gid_t>::max() ? absl::nullopt
                                                       : absl::make_optional(number);
  }
  const std::string name(group);
  struct group entry = {};
  struct group* found = nullptr;
  std::vector<char> room(1 << 10);
  while (::getgrnam_r(name.c_str(), &entry, room.data(), room.size(), &found) == ERANGE &&
         room.size() < kMostBytesOfAGroup) {
    room.resize(room.size() * 2);
  }
  return found == nullptr ? absl::nullopt : absl::make_optional(found->gr_gid);
}

absl::Status SetAccess(const std::string& path, const UnixAccess& access) {
  if (access == UnixAccess()) return absl::OkStatus();
  if (!access.group.empty()) {
    const absl::optional<gid_t> group = GroupId(access.group);
    if (!group.has_value()) {
      return absl::NotFoundError(absl::StrCat("no group has the name \"", access.group,
                                              "\"; create it, or write one that is there"));
    }
    if (::lchown(path.c_str(), static_cast<uid_t>(-1), *group) != 0) {
      return Failure(path, absl::StrCat("the group \"", access.group, "\""), errno,
                     "; let the user that runs this program be a member of it");
    }
  }
  // The file is this process's own a moment ago; a link that somebody has put there is not
  // followed.
  const mode_t mode = access.mode.value_or(kModeOfAGroup);
  if (::fchmodat(AT_FDCWD, path.c_str(), mode, AT_SYMLINK_NOFOLLOW) != 0) {
    return Failure(path, "its mode", errno, "");
  }
  return absl::OkStatus();
}

}  // namespace singleflight::net
