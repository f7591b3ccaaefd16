// The list of all options that a configuration file may have, as the parser itself knows them.

#ifndef SINGLEFLIGHT_SERVER_CONFIG_OPTIONS_H_
#define SINGLEFLIGHT_SERVER_CONFIG_OPTIONS_H_

#include <string>
#include <vector>

namespace singleflight::config {

struct Option {
  std::string path;  // "routes[].collapse.max_waiters"
  std::string kind;  // "duration", "size", "number", "cancel|complete", "text", "section", "list" …
  std::string default_value;  // as the file would write it; empty: there is none
  bool required = false;      // within its section
};

// Every option, in the order in which the parser reads them. The reference, the schema and the
// documents are checked against it.
std::vector<Option> Options();

}  // namespace singleflight::config

#endif  // SINGLEFLIGHT_SERVER_CONFIG_OPTIONS_H_
