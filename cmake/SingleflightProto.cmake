# singleflight_proto(NAME FILE…): the messages and gRPC services of FILE…, paths below proto/, as a static library.
# Their headers are included as "demo/v1/catalog.grpc.pb.h".

# Newer Protobuf needs its own package file (it brings Abseil along); Debian 12 has only CMake's module.
find_package(Protobuf CONFIG QUIET)
if(NOT Protobuf_FOUND)
  find_package(Protobuf REQUIRED)
endif()
find_package(gRPC CONFIG REQUIRED)
find_program(SINGLEFLIGHT_PROTOC protoc REQUIRED)
find_program(SINGLEFLIGHT_GRPC_CPP_PLUGIN grpc_cpp_plugin REQUIRED)

function(singleflight_proto name)
  set(out ${PROJECT_BINARY_DIR}/proto)
  set(generated)
  foreach(file ${ARGN})
    string(REGEX REPLACE "\\.proto$" "" stem ${file})
    set(products ${out}/${stem}.pb.cc ${out}/${stem}.pb.h ${out}/${stem}.grpc.pb.cc ${out}/${stem}.grpc.pb.h)
    add_custom_command(
      OUTPUT ${products}
      COMMAND ${CMAKE_COMMAND} -E make_directory ${out}
      COMMAND ${SINGLEFLIGHT_PROTOC} -I ${PROJECT_SOURCE_DIR}/proto --cpp_out=${out} --grpc_out=${out}
              --plugin=protoc-gen-grpc=${SINGLEFLIGHT_GRPC_CPP_PLUGIN} ${file}
      DEPENDS ${PROJECT_SOURCE_DIR}/proto/${file}
      COMMENT "protoc ${file}"
      VERBATIM)
    list(APPEND generated ${products})
  endforeach()
  add_library(${name} STATIC ${generated})
  target_include_directories(${name} SYSTEM PUBLIC ${out})
  target_link_libraries(${name} PUBLIC gRPC::grpc++ protobuf::libprotobuf)
  target_compile_options(${name} PRIVATE -w)  # code that others generate
endfunction()
