# What is installed with the programs, and the package that `./dev package` makes of it (CPack, .deb): the component
# `proxy`. The library is a component of its own (lib/install.cmake) and is in no package.
include(GNUInstallDirs)

set(deploy ${PROJECT_SOURCE_DIR}/deploy)
set(doc ${CMAKE_INSTALL_DATAROOTDIR}/doc/singleflight-proxy)

install(FILES ${deploy}/systemd/singleflight-proxy.service DESTINATION lib/systemd/system COMPONENT proxy)
install(FILES ${deploy}/debian/proxy.yaml DESTINATION /etc/singleflight COMPONENT proxy)
install(FILES ${deploy}/debian/copyright ${PROJECT_SOURCE_DIR}/config/reference.yaml DESTINATION ${doc} COMPONENT proxy)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME singleflight-proxy)
set(CPACK_PACKAGE_VENDOR "Singleflight")
set(CPACK_PACKAGE_CONTACT "Singleflight <singleflight@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "gRPC proxy that makes concurrent identical calls cost one upstream call")
set(CPACK_PACKAGE_DESCRIPTION
"Stands in front of a gRPC backend, as a sidecar or alone. Identical calls that run
at the same time share one upstream call, and replies may be kept for a while. It
needs no .proto files, and passes on what it does not share as it is.
singleflightctl shows what it saves and why calls were not shared.")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_CMAKE_PROJECTS "${PROJECT_BINARY_DIR};${PROJECT_NAME};proxy;/")
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS ca-certificates) # what `tls: true` trusts
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA
  ${deploy}/debian/conffiles ${deploy}/debian/postinst ${deploy}/debian/prerm ${deploy}/debian/postrm)
include(CPack)
