// The files of the dashboard, as they were at build time (server/admin/page, and the charts of the
// distribution's package). They are part of the program.

#ifndef SINGLEFLIGHT_SERVER_ADMIN_PAGE_FILES_H_
#define SINGLEFLIGHT_SERVER_ADMIN_PAGE_FILES_H_

#include "absl/strings/string_view.h"

namespace singleflight::admin {

struct PageFile {
  absl::string_view path;  // of the URL
  absl::string_view type;
  absl::string_view content;
};

// Null: there is none at that path.
const PageFile* FindPageFile(absl::string_view path);

}  // namespace singleflight::admin

#endif  // SINGLEFLIGHT_SERVER_ADMIN_PAGE_FILES_H_
