#include "server/admin/page_files.h"

#include <algorithm>
#include <array>

// What singleflight_embed (cmake/SingleflightEmbed.cmake) has put into the program.
#define EMBEDDED(name)                              \
  extern "C" const char singleflight_page_##name[]; \
  extern "C" const char singleflight_page_##name##_end[];

EMBEDDED(index_html)
EMBEDDED(style_css)
EMBEDDED(icon_svg)
EMBEDDED(app_js)
EMBEDDED(charts_js)
EMBEDDED(figures_js)
EMBEDDED(panels_js)
EMBEDDED(purge_js)
EMBEDDED(chart_min_js)

#undef EMBEDDED
#define CONTENT(name)                                                                              \
  absl::string_view(singleflight_page_##name, static_cast<size_t>(singleflight_page_##name##_end - \
                                                                  singleflight_page_##name))

namespace singleflight::admin {
namespace {

constexpr absl::string_view kScript = "text/javascript; charset=utf-8";

}  // namespace

const PageFile* FindPageFile(absl::string_view path) {
  static const std::array<PageFile, 9> kFiles = {{
      {"/", "text/html; charset=utf-8", CONTENT(index_html)},
      {"/style.css", "text/css; charset=utf-8", CONTENT(style_css)},
      {"/icon.svg", "image/svg+xml", CONTENT(icon_svg)},
      {"/app.js", kScript, CONTENT(app_js)},
      {"/charts.js", kScript, CONTENT(charts_js)},
      {"/figures.js", kScript, CONTENT(figures_js)},
      {"/panels.js", kScript, CONTENT(panels_js)},
      {"/purge.js", kScript, CONTENT(purge_js)},
      {"/chart.min.js", kScript, CONTENT(chart_min_js)},
  }};
  const auto* found = std::find_if(kFiles.begin(), kFiles.end(),
                                   [&](const PageFile& file) { return file.path == path; });
  return found == kFiles.end() ? nullptr : found;
}

}  // namespace singleflight::admin
