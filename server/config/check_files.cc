// Looks at the files, folders and groups that the options name, as they are on this machine.

#include <sys/stat.h>

#include <algorithm>
#include <cstddef>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "server/admin/rights.h"
#include "server/config/address.h"
#include "server/config/draft.h"
#include "server/config/schema_options.h"
#include "server/net/unix_access.h"

namespace singleflight::config {
namespace {

// Others than the user and the group of the file may do more than they should.
constexpr mode_t kTooOpen = S_IWGRP | S_IRWXO;

void CheckTokenFile(const Draft& draft, Problems& problems) {
  if (!draft.admin_token_file.has_value()) return;
  const std::string& path = draft.config.admin.token_file;
  const absl::StatusOr<std::string> token = admin::ReadToken(path);
  if (!token.ok()) return problems.Refuse(*draft.admin_token_file, token.status().message());
  struct stat about = {};
  if (::stat(path.c_str(), &about) != 0 || (about.st_mode & kTooOpen) == 0) return;
  problems.Warn(*draft.admin_token_file,
                absl::StrCat(Quoted(path), " can be read or written by others (mode ",
                             absl::StrFormat("%04o", about.st_mode & 07777),
                             "); whoever reads it may steer the proxy: chmod 0600"));
}

void CheckGroup(const std::string& group, const Place& place, Problems& problems) {
  if (group.empty() || !GroupMistake(group).empty() || net::GroupId(group).has_value()) return;
  problems.Refuse(place, absl::StrCat(Quoted(group),
                                      " is the name of no group here; create it, or write the "
                                      "name or the number of one that is there"));
}

// Of a Unix socket. What is missing under /run may be made by whoever starts the proxy (systemd's
// RuntimeDirectory), so only the start itself can tell.
void CheckFolder(absl::string_view address, const Place& place, Problems& problems) {
  absl::string_view path = address;
  if (!absl::ConsumePrefix(&path, "unix:") || !absl::StartsWith(path, "/")) return;
  if (absl::StartsWith(path, "/run/") || absl::StartsWith(path, "/var/run/")) return;
  const std::string folder(path.substr(0, std::max<size_t>(path.rfind('/'), 1)));
  struct stat about = {};
  if (::stat(folder.c_str(), &about) == 0 && S_ISDIR(about.st_mode)) return;
  problems.Refuse(place, absl::StrCat(Quoted(address), " cannot be made, since there is no folder ",
                                      Quoted(folder), "; create it, or choose another path"));
}

}  // namespace

void CheckFiles(const Draft& draft, Problems& problems) {
  for (size_t i = 0; i < draft.listener_tls.size(); ++i) {
    CheckFolder(draft.config.listeners[i].address, draft.listeners[i], problems);
    CheckGroup(draft.config.listeners[i].access.group, draft.groups[i], problems);
    CheckFiles(draft.config.listeners[i].tls, draft.listener_tls[i], problems);
  }
  for (size_t i = 0; i < draft.upstream_tls.size(); ++i) {
    CheckFiles(draft.config.upstreams[i].tls, draft.upstream_tls[i], problems);
  }
  if (draft.admin_grpc.has_value())
    CheckFolder(draft.config.admin.grpc, *draft.admin_grpc, problems);
  if (draft.admin_http.has_value())
    CheckFolder(draft.config.admin.http, *draft.admin_http, problems);
  CheckFiles(draft.config.admin.tls, draft.admin_tls, problems);
  CheckTokenFile(draft, problems);
  CheckFiles(draft.config.tracing.tls, draft.tracing_tls, problems);
  CheckDescriptorSets(draft, problems);
}

}  // namespace singleflight::config
