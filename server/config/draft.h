// A configuration between reading and use. Each option is right by itself. The place of each is
// kept, because messages about options that contradict each other name places.

#ifndef SINGLEFLIGHT_SERVER_CONFIG_DRAFT_H_
#define SINGLEFLIGHT_SERVER_CONFIG_DRAFT_H_

#include <yaml-cpp/yaml.h>

#include <vector>

#include "server/config/config.h"
#include "server/config/problems.h"
#include "server/config/reader.h"
#include "server/config/tls.h"

namespace singleflight::config {

struct Draft {
  struct RoutePlaces {
    Place match;
    Place upstream;
    Place collapse;
    Place cache;
    Place retry;
    absl::optional<Place> max_ttl;   // if it is there
    std::vector<Place> need_schema;  // of what is of no use without one
    bool match_is_sound;
    absl::optional<Place> invalidates;  // likewise
  };

  Config config;
  std::vector<Place> listeners;               // of each one's address
  std::vector<Place> groups;                  // of each one's group
  std::vector<Place> upstreams;               // of each one's name
  std::vector<std::vector<Place>> endpoints;  // of each one's target, or of all its endpoints
  std::vector<Place> descriptor_sets;         // of each upstream's
  std::vector<TlsPlaces> listener_tls;
  std::vector<TlsPlaces> upstream_tls;
  TlsPlaces tracing_tls;
  std::vector<RoutePlaces> routes;
  absl::optional<Place> store;            // the section `cache`, if it is there
  absl::optional<Place> marks;            // likewise `reply_marks`
  absl::optional<Place> cache_max_bytes;  // these if they are there, and more than "auto"
  absl::optional<Place> max_buffered_bytes;
  absl::optional<Place> max_connections;
  std::vector<absl::optional<Place>> max_held_bytes;  // of each upstream
  Place max_entry_bytes;
  bool names_max_entry_bytes = false;
  Place health;
  absl::optional<Place> admin_grpc;        // likewise
  absl::optional<Place> admin_http;        // likewise
  absl::optional<Place> admin_token_file;  // likewise
  TlsPlaces admin_tls;
};

// Reads the whole file. This function alone knows what a file may say: a new option is one line in
// it.
Draft ReadDraft(Reading& reading, const YAML::Node& root);

// Has a listener on [::] leave IPv4 to another one on the same port.
void SeparateFamilies(Draft& draft);

// Refuses what is wrong between options: names that do not resolve, routes never reached, addresses
// taken twice. Warns of options that are allowed and seldom meant.
void CheckDraft(const Draft& draft, Problems& problems);

// Refuses upstreams at which this process itself would listen: calls would come back to it.
void CheckOwnListeners(const Draft& draft, Problems& problems);

// Opens the files that the options name, looks for groups and the folders of sockets, and refuses
// what is wrong with them.
void CheckFiles(const Draft& draft, Problems& problems);

}  // namespace singleflight::config

#endif  // SINGLEFLIGHT_SERVER_CONFIG_DRAFT_H_
