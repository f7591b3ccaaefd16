# singleflight_version: as singleflight/version.h says it.
set(header ${CMAKE_CURRENT_LIST_DIR}/singleflight/version.h)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${header})
file(STRINGS ${header} singleflight_version REGEX "^#define SINGLEFLIGHT_VERSION_(MAJOR|MINOR|PATCH) [0-9]+$")
list(TRANSFORM singleflight_version REPLACE ".* " "")
list(JOIN singleflight_version "." singleflight_version)
