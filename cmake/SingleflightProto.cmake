# singleflight_proto(NAME [ROOT FOLDER] FILE…): the messages and gRPC services of FILE…, paths below FOLDER (proto/ of the
# project unless said), as a static library. Their headers are included as "demo/v1/catalog.grpc.pb.h"; a FILE without a
# service has "….pb.h" only.

# Newer Protobuf needs its own package file (it brings Abseil along); Debian 12 has only CMake's module.
find_package(Protobuf CONFIG QUIET)
if(NOT Protobuf_FOUND)
  find_package(Protobuf REQUIRED)
endif()
find_package(gRPC CONFIG REQUIRED)
find_program(SINGLEFLIGHT_PROTOC protoc REQUIRED)
find_program(SINGLEFLIGHT_GRPC_CPP_PLUGIN grpc_cpp_plugin REQUIRED)

function(singleflight_proto name)
  cmake_parse_arguments(arg "" "ROOT" "" ${ARGN})
  if(NOT arg_ROOT)
    set(arg_ROOT ${PROJECT_SOURCE_DIR}/proto)
  endif()
  set(out ${PROJECT_BINARY_DIR}/proto)
  set(generated)
  foreach(file ${arg_UNPARSED_ARGUMENTS})
    string(REGEX REPLACE "\\.proto$" "" stem ${file})
    set(products ${out}/${stem}.pb.cc ${out}/${stem}.pb.h)
    set(grpc)
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${arg_ROOT}/${file})  # is there a service now?
    file(STRINGS ${arg_ROOT}/${file} services REGEX "^service ")
    if(services)
      list(APPEND products ${out}/${stem}.grpc.pb.cc ${out}/${stem}.grpc.pb.h)
      set(grpc --grpc_out=${out} --plugin=protoc-gen-grpc=${SINGLEFLIGHT_GRPC_CPP_PLUGIN})
    endif()
    add_custom_command(
      OUTPUT ${products}
      COMMAND ${CMAKE_COMMAND} -E make_directory ${out}
      COMMAND ${SINGLEFLIGHT_PROTOC} -I ${arg_ROOT} --cpp_out=${out} ${grpc} ${file}
      DEPENDS ${arg_ROOT}/${file}
      COMMENT "protoc ${file}"
      VERBATIM)
    list(APPEND generated ${products})
  endforeach()
  add_library(${name} STATIC ${generated})
  target_include_directories(${name} SYSTEM PUBLIC ${out})
  target_link_libraries(${name} PUBLIC gRPC::grpc++ protobuf::libprotobuf)
  target_compile_options(${name} PRIVATE -w)  # code that others generate
  if(NOT SINGLEFLIGHT_SANITIZE STREQUAL "")
    target_compile_options(${name} PRIVATE -O0)  # and that no test waits for
  endif()
  set_target_properties(${name} PROPERTIES UNITY_BUILD OFF)  # each has the same names to itself
endfunction()
