// `tls:` of listeners and upstreams.

#ifndef SINGLEFLIGHT_SERVER_CONFIG_TLS_H_
#define SINGLEFLIGHT_SERVER_CONFIG_TLS_H_

#include <map>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "server/config/config.h"
#include "server/config/problems.h"
#include "server/config/reader.h"
#include "server/config/watched_file.h"
#include "server/proxy/listener_options.h"
#include "server/upstream/options.h"

namespace singleflight::config {

// Where one such section stands, and its options.
struct TlsPlaces {
  Place section;
  std::map<std::string, Place> options;  // those that are in the file
  bool sound = false;                    // each option is right by itself
};

// Read the section, if there is one.
TlsPlaces ReadListenerTls(Mapping& in, proxy::ListenerOptions& out);
TlsPlaces ReadUpstreamTls(Mapping& in, upstream::UpstreamOptions& out);

// Relative paths are relative to the folder of the file `filename`, whatever the working folder is.
void ResolvePaths(absl::string_view filename, proxy::ListenerOptions& listener);
void ResolvePaths(absl::string_view filename, upstream::UpstreamOptions& upstream);

// Opens the files that a section names, if it is sound, and refuses what is wrong with them.
void CheckFiles(const proxy::ListenerOptions& listener, const TlsPlaces& places,
                Problems& problems);
void CheckFiles(const upstream::UpstreamOptions& upstream, const TlsPlaces& places,
                Problems& problems);

// The files that the options of a configuration name, as they are now. If an upstream names no CA,
// that of the system is one of them.
std::vector<WatchedFile> FilesOf(const Config& config);

}  // namespace singleflight::config

#endif  // SINGLEFLIGHT_SERVER_CONFIG_TLS_H_
