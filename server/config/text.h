// What a configuration says, for people who look at a running process.

#ifndef SINGLEFLIGHT_SERVER_CONFIG_TEXT_H_
#define SINGLEFLIGHT_SERVER_CONFIG_TEXT_H_

#include <yaml-cpp/yaml.h>

#include <string>

#include "absl/strings/string_view.h"

namespace singleflight::config {

// The file as YAML, without its comments. Variables stand there by their names, not by what they
// hold, and values of options that are called like secrets (password, secret, token, passphrase)
// are masked; paths of files are not secrets.
std::string TextOf(const YAML::Node& root);

// One line, masked in the same way.
std::string Masked(absl::string_view line);

}  // namespace singleflight::config

#endif  // SINGLEFLIGHT_SERVER_CONFIG_TEXT_H_
