# What is installed: headers, the packages of CMake and pkg-config, the licence. Both packages find the headers from where
# they are themselves, so the installed tree may be moved.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

install(DIRECTORY singleflight DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT library FILES_MATCHING PATTERN *.h)

set(package ${CMAKE_INSTALL_LIBDIR}/cmake/singleflight)
install(TARGETS singleflight EXPORT singleflight COMPONENT library)
install(EXPORT singleflight NAMESPACE singleflight:: DESTINATION ${package} COMPONENT library
  FILE singleflightTargets.cmake)
write_basic_package_version_file(singleflightConfigVersion.cmake COMPATIBILITY SameMinorVersion ARCH_INDEPENDENT)
install(FILES singleflightConfig.cmake ${CMAKE_CURRENT_BINARY_DIR}/singleflightConfigVersion.cmake
  DESTINATION ${package} COMPONENT library)

set(package ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
file(RELATIVE_PATH up ${CMAKE_INSTALL_PREFIX}/${package} ${CMAKE_INSTALL_PREFIX})
string(REGEX REPLACE "/$" "" up ${up})
configure_file(singleflight.pc.in singleflight.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/singleflight.pc DESTINATION ${package} COMPONENT library)

install(FILES ../LICENSE DESTINATION ${CMAKE_INSTALL_DATAROOTDIR}/doc/singleflight COMPONENT library)
