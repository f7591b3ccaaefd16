# singleflight_version: as singleflight/version.h says it.
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/singleflight/version.h)
file(STRINGS ${CMAKE_CURRENT_LIST_DIR}/singleflight/version.h singleflight_version
  REGEX "^#define SINGLEFLIGHT_VERSION_(MAJOR|MINOR|PATCH) [0-9]+$")
list(TRANSFORM singleflight_version REPLACE ".* " "")
list(JOIN singleflight_version "." singleflight_version)
