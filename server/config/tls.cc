// Reads `tls:` sections, and opens the files that they name, so that a wrong file is a message at
// the option that names it.

#include "server/config/tls.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/config/address.h"
#include "server/net/address.h"
#include "server/tls/context.h"
#include "server/tls/system_ca.h"
#include "server/upstream/target.h"

namespace singleflight::config {
namespace {

std::string PathMistake(absl::string_view text) {
  const bool printable = std::none_of(text.begin(), text.end(), absl::ascii_iscntrl);
  if (!text.empty() && printable) return "";
  return "is no path; write that of a PEM file, without control characters";
}

std::string ServerNameMistake(absl::string_view text) {
  const auto allowed = [](unsigned char c) {
    return absl::ascii_isalnum(c) || absl::StrContains(".-_:", c);
  };
  const bool names_port =
      absl::StrContains(text, ':') && !net::ParseAddress(absl::StrCat("[", text, "]:1")).ok();
  if (!text.empty() && text.size() <= 253 && std::all_of(text.begin(), text.end(), allowed) &&
      !names_port && !HasEmptyLabel(text)) {
    return "";
  }
  return "is no host; write a name or an IP address without a port, such as \"catalog.example\"";
}

void ReadPath(Mapping& in, const char* name, std::string* out, TlsPlaces& places) {
  if (in.Text(name, out, PathMistake)) places.options[name] = in.PlaceOf(name);
}

void ReadServer(Mapping& in, tls::ServerOptions& out, TlsPlaces& places) {
  const size_t mistakes = in.mistakes();
  places.section = in.place();
  ReadPath(in, "certificate", &out.certificate, places);
  in.Require("certificate", "write the path of the listener's certificate, its chain behind it");
  ReadPath(in, "private_key", &out.private_key, places);
  in.Require("private_key", "write the path of the certificate's key");
  ReadPath(in, "client_ca", &out.client_ca, places);
  places.sound = in.mistakes() == mistakes;
}

void ReadClient(Mapping& in, tls::ClientOptions& out, TlsPlaces& places) {
  const size_t mistakes = in.mistakes();
  places.section = in.place();
  ReadPath(in, "ca", &out.ca, places);
  ReadPath(in, "certificate", &out.certificate, places);
  ReadPath(in, "private_key", &out.private_key, places);
  if (in.Text("server_name", &out.server_name, ServerNameMistake)) {
    places.options["server_name"] = in.PlaceOf("server_name");
  }
  for (const auto& [one, other] :
       {std::pair("certificate", "private_key"), std::pair("private_key", "certificate")}) {
    if (!in.Has(one) || in.Has(other)) continue;
    in.Refuse(in.PlaceOf(one), absl::StrCat("stands without \"", other, "\"; add it"));
  }
  places.sound = in.mistakes() == mistakes;
}

void Report(const tls::Context::Made& made, const TlsPlaces& places, Problems& problems) {
  const auto place_of = [&](const tls::Mistake& mistake) {
    const auto found = places.options.find(mistake.option);
    return found == places.options.end() ? places.section : found->second;
  };
  if (const auto* mistakes = absl::get_if<tls::Mistakes>(&made)) {
    for (const tls::Mistake& mistake : *mistakes) {
      problems.Refuse(place_of(mistake), mistake.what);
    }
    return;
  }
  for (const tls::Mistake& odd : absl::get<tls::SharedContext>(made)->warnings()) {
    problems.Warn(place_of(odd), odd.what);
  }
}

}  // namespace

TlsPlaces ReadServerTls(Mapping& in, absl::optional<tls::ServerOptions>& out) {
  TlsPlaces places;
  tls::ServerOptions tls;
  if (in.Section("tls", "tls: {certificate: server.pem, private_key: server.key}",
                 [&](Mapping& section) { ReadServer(section, tls, places); })) {
    out = tls;
  }
  return places;
}

TlsPlaces ReadClientTls(Mapping& in, absl::optional<tls::ClientOptions>& out) {
  TlsPlaces places;
  places.section = in.PlaceOf("tls");
  places.sound = true;  // "tls: true"
  tls::ClientOptions tls;
  if (in.SwitchOrSection("tls", [&](Mapping& section) { ReadClient(section, tls, places); })) {
    out = tls;
  }
  return places;
}

TlsPlaces ReadCollectorTls(Mapping& in, absl::optional<tls::ClientOptions>& out) {
  TlsPlaces places;
  tls::ClientOptions tls;
  if (in.Section("tls", "tls: {ca: collectors.pem}",
                 [&](Mapping& section) { ReadClient(section, tls, places); })) {
    out = tls;
  }
  return places;
}

void ResolvePath(absl::string_view filename, std::string& path) {
  const size_t slash = filename.rfind('/');
  if (path.empty() || path.front() == '/' || slash == absl::string_view::npos) return;
  path = absl::StrCat(filename.substr(0, slash + 1), path);
}

void ResolvePaths(absl::string_view filename, absl::optional<tls::ServerOptions>& tls) {
  if (!tls.has_value()) return;
  ResolvePath(filename, tls->certificate);
  ResolvePath(filename, tls->private_key);
  ResolvePath(filename, tls->client_ca);
}

void ResolvePaths(absl::string_view filename, absl::optional<tls::ClientOptions>& tls) {
  if (!tls.has_value()) return;
  ResolvePath(filename, tls->ca);
  ResolvePath(filename, tls->certificate);
  ResolvePath(filename, tls->private_key);
}

void CheckFiles(const absl::optional<tls::ServerOptions>& tls, const TlsPlaces& places,
                Problems& problems) {
  if (!tls.has_value() || !places.sound) return;
  Report(tls::Context::ForListener(*tls), places, problems);
}

void CheckFiles(const absl::optional<tls::ClientOptions>& tls, const TlsPlaces& places,
                Problems& problems) {
  if (!tls.has_value() || !places.sound) return;
  Report(tls::Context::ForUpstream(*tls, ""), places, problems);
}

std::vector<WatchedFile> FilesOf(const Config& config) {
  std::vector<WatchedFile> files;
  const auto add = [&](const std::string& path) {
    if (!path.empty()) files.push_back({path, StampOf(path)});
  };
  const auto add_server = [&](const absl::optional<tls::ServerOptions>& tls) {
    if (!tls.has_value()) return;
    add(tls->certificate);
    add(tls->private_key);
    add(tls->client_ca);
  };
  for (const proxy::ListenerOptions& listener : config.listeners) add_server(listener.tls);
  add_server(config.admin.tls);
  add(config.admin.token_file);
  const auto add_client = [&](const absl::optional<tls::ClientOptions>& tls) {
    if (!tls.has_value()) return;
    add(tls->ca.empty() ? tls::SystemCaFile().value_or("") : tls->ca);
    add(tls->certificate);
    add(tls->private_key);
  };
  for (const upstream::UpstreamOptions& upstream : config.upstreams) add_client(upstream.tls);
  add_client(config.tracing.tls);
  for (const absl::optional<schema::Options>& schema : config.schemas) {
    if (schema.has_value()) add(schema->descriptor_set);
  }
  return files;
}

}  // namespace singleflight::config
