#ifndef SINGLEFLIGHT_SERVER_CONFIG_FIELD_OPTIONS_H_
#define SINGLEFLIGHT_SERVER_CONFIG_FIELD_OPTIONS_H_

#include <vector>

#include "absl/strings/string_view.h"
#include "server/config/reader.h"
#include "server/core/route_options.h"

namespace singleflight::config {

// What routes ask of fields of messages, and make of them. Fields are written by number, or by
// name: then their place is added to `need_schema`.

// `field` of a route's `match`.
void ReadFieldConditions(Mapping& in, std::vector<model::FieldCondition>& out,
                         std::vector<Place>* need_schema);

// `tags` of a route's `cache`, and `invalidates` of a route that has read its other switches.
void ReadTemplates(Mapping& in, absl::string_view name, std::vector<model::FieldTemplate>& out,
                   std::vector<Place>* need_schema);
void ReadInvalidates(Mapping& in, core::RouteOptions& out, std::vector<Place>* need_schema);

// Refuses tags of fields that the route's key ignores.
void RefuseIgnoredTags(Mapping& in, const core::RouteOptions& route);

}  // namespace singleflight::config

#endif  // SINGLEFLIGHT_SERVER_CONFIG_FIELD_OPTIONS_H_
