// `tls:` of listeners, upstreams, the admin addresses and the collector of traces.

#ifndef SINGLEFLIGHT_SERVER_CONFIG_TLS_H_
#define SINGLEFLIGHT_SERVER_CONFIG_TLS_H_

#include <map>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "server/config/config.h"
#include "server/config/problems.h"
#include "server/config/reader.h"
#include "server/config/watched_file.h"
#include "server/tls/options.h"

namespace singleflight::config {

// Where one such section stands, and its options.
struct TlsPlaces {
  Place section;
  std::map<std::string, Place> options;  // those that are in the file
  bool sound = false;                    // each option is right by itself
};

// Read the section, if there is one.
TlsPlaces ReadServerTls(Mapping& in, absl::optional<tls::ServerOptions>& out);
TlsPlaces ReadClientTls(Mapping& in, absl::optional<tls::ClientOptions>& out);
TlsPlaces ReadCollectorTls(Mapping& in, absl::optional<tls::ClientOptions>& out);

// Relative paths are relative to the folder of the file `filename`, whatever the working folder is.
void ResolvePath(absl::string_view filename, std::string& path);
void ResolvePaths(absl::string_view filename, absl::optional<tls::ServerOptions>& tls);
void ResolvePaths(absl::string_view filename, absl::optional<tls::ClientOptions>& tls);

// Opens the files that a section names, if it is sound, and refuses what is wrong with them.
void CheckFiles(const absl::optional<tls::ServerOptions>& tls, const TlsPlaces& places,
                Problems& problems);
void CheckFiles(const absl::optional<tls::ClientOptions>& tls, const TlsPlaces& places,
                Problems& problems);

// The files that the options of a configuration name, as they are now. If an upstream names no CA,
// that of the system is one of them.
std::vector<WatchedFile> FilesOf(const Config& config);

}  // namespace singleflight::config

#endif  // SINGLEFLIGHT_SERVER_CONFIG_TLS_H_
