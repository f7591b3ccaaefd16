// The floors that a file passes on its way to a Config. Each relies on the one before.
//
//   document.cc      text → one YAML document, or what is wrong with its syntax
//   reader.cc        a mapping → its options by name: places, merged mappings, unknown options
//   reader_values.cc a value → duration, size, number, choice: types, bounds, variables replaced
//   draft.cc         the file → a Draft: which options there are. Each is right by itself.
//   check_draft.cc   what options say together: names that resolve, addresses, routes never reached
//   (here)           files: the configuration itself, and those that its options name
//
// A floor that finds a mistake notes it with its place (Problems), and the rest of the file is read
// all the same, so that the author gets all mistakes in one go. The exception is a text that is not
// YAML: there is nothing to go on with.

#include "server/config/load.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <yaml-cpp/yaml.h>

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "server/config/document.h"
#include "server/config/draft.h"
#include "server/config/memory_shares.h"
#include "server/config/problems.h"
#include "server/config/reader.h"
#include "server/config/schema_options.h"
#include "server/config/text.h"
#include "server/host/allowed_memory.h"

namespace singleflight::config {
namespace {

constexpr size_t kLargestFile = 1u << 20;

// Writes the place of each address beside it, for messages that it cannot be listened on; and those
// of options that only a restart may change.
void NamePlaces(absl::string_view filename, const Reading& reading, Draft& draft) {
  const auto at = [&](const Place& place) {
    return absl::StrCat(filename, ":", place.line, ":", place.column);
  };
  const auto name = [&](const Place& place) { return absl::StrCat(at(place), ": ", place.path); };
  draft.config.places[""] = std::string(filename);
  for (const auto& [path, place] : reading.places) draft.config.places[path] = at(place);
  for (size_t i = 0; i < draft.listeners.size(); ++i) {
    draft.config.listeners[i].where = name(draft.listeners[i]);
  }
  draft.config.health.where = name(draft.health);
  if (draft.admin_http.has_value()) draft.config.admin.http_where = name(*draft.admin_http);
  if (draft.admin_grpc.has_value()) draft.config.admin.grpc_where = name(*draft.admin_grpc);
}

// What is done with files that options name.
enum class Files { kLeave, kCheck };

Config ReadConfig(absl::string_view text, absl::string_view filename,
                  const Environment& environment, uint64_t memory, Files files, Problems& problems,
                  std::vector<WatchedFile>* watched) {
  if (text.size() > kLargestFile) {
    problems.Refuse(Place(), absl::StrCat("the file is larger than ", kLargestFile, " bytes"));
    return Config();
  }
  const YAML::Node root = ParseDocument(text, problems);
  if (!root.IsDefined()) return Config();
  Reading reading{environment, problems};
  Draft draft = ReadDraft(reading, root);
  draft.config.text = TextOf(root);
  for (proxy::ListenerOptions& listener : draft.config.listeners)
    ResolvePaths(filename, listener.tls);
  for (upstream::UpstreamOptions& upstream : draft.config.upstreams) {
    ResolvePaths(filename, upstream.tls);
  }
  ResolvePaths(filename, draft.config.admin.tls);
  ResolvePath(filename, draft.config.admin.token_file);
  ResolvePaths(filename, draft.config.tracing.tls);
  ResolveSchemaPaths(filename, draft);
  FitToMemory(memory, draft);
  SeparateFamilies(draft);
  NamePlaces(filename, reading, draft);
  CheckDraft(draft, problems);
  CheckMemory(memory, draft, problems);
  if (files == Files::kCheck) {
    *watched = FilesOf(draft.config);  // before they are opened
    CheckFiles(draft, problems);
  }
  return std::move(draft.config);
}

// Whether reading may wait, as it does with pipes and devices.
enum class Waiting { kAllowed, kRefused };

bool IsRegular(int fd) {
  struct stat about = {};
  return ::fstat(fd, &about) == 0 && S_ISREG(about.st_mode);
}

// At most one byte more than a configuration may have.
absl::StatusOr<std::string> ReadFile(const std::string& path, Waiting waiting) {
  // Opening a pipe would otherwise wait for its writer.
  const int without_waiting = waiting == Waiting::kRefused ? O_NONBLOCK : 0;
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | without_waiting);
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(fd < 0 ? nullptr : ::fdopen(fd, "rb"),
                                                             std::fclose);
  if (file == nullptr) return absl::ErrnoToStatus(errno, absl::StrCat(path, ": cannot be read"));
  if (waiting == Waiting::kRefused && !IsRegular(fd)) {
    return absl::FailedPreconditionError(absl::StrCat(
        path, ": is no regular file, and nothing else is read again; put one there, or restart"));
  }
  std::string text(kLargestFile + 1, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), file.get()));
  if (std::ferror(file.get()) && errno == EISDIR) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": is a folder; name the file in it"));
  }
  if (std::ferror(file.get()))
    return absl::ErrnoToStatus(errno, absl::StrCat(path, ": cannot be read"));
  return text;
}

absl::StatusOr<Loaded> LoadText(absl::string_view text, absl::string_view filename,
                                const Environment& environment, uint64_t memory, Files files,
                                LogOptions* log = nullptr) {
  Problems problems(filename);
  Loaded loaded;
  loaded.config = ReadConfig(text, filename, environment, memory, files, problems, &loaded.files);
  if (log != nullptr) *log = loaded.config.log;
  loaded.warnings = problems.warnings();
  const absl::Status status = problems.status();
  if (!status.ok()) return status;
  return loaded;
}

absl::StatusOr<Loaded> LoadPath(const std::string& path, const Environment& environment,
                                Waiting waiting, LogOptions* log = nullptr) {
  const WatchedFile file = {path, StampOf(path)};
  absl::StatusOr<std::string> text = ReadFile(path, waiting);
  if (!text.ok()) return text.status();
  absl::StatusOr<Loaded> loaded =
      LoadText(*text, path, environment, host::AllowedMemory(), Files::kCheck, log);
  if (loaded.ok()) loaded->files.insert(loaded->files.begin(), file);
  return loaded;
}

}  // namespace

absl::StatusOr<Loaded> Load(absl::string_view text, absl::string_view filename,
                            const Environment& environment, uint64_t memory) {
  return LoadText(text, filename, environment, memory, Files::kLeave);
}

absl::StatusOr<Loaded> LoadFile(const std::string& path, const Environment& environment) {
  return LoadPath(path, environment, Waiting::kAllowed);
}

absl::StatusOr<Loaded> LoadFile(const std::string& path, LogOptions* log) {
  return LoadPath(path, ProcessEnvironment(), Waiting::kAllowed, log);
}

absl::StatusOr<Loaded> LoadFileAgain(const std::string& path, const Environment& environment) {
  return LoadPath(path, environment, Waiting::kRefused);
}

}  // namespace singleflight::config
