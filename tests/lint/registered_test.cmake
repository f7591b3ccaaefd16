# cmake -D repository=… -D work=… [-D forgotten=ON] -P registered_test.cmake: the configure's look for tests that nobody
# registered, at a folder with two tests.
include(${repository}/cmake/SingleflightTargets.cmake)
file(REMOVE_RECURSE ${work})
file(WRITE ${work}/a_test.cc "")
file(WRITE ${work}/deeper/b_test.cc "")
set_property(GLOBAL APPEND PROPERTY SINGLEFLIGHT_TEST_SOURCES ${work}/a_test.cc)
if(NOT forgotten)
  set_property(GLOBAL APPEND PROPERTY SINGLEFLIGHT_TEST_SOURCES ${work}/deeper/b_test.cc)
endif()
singleflight_all_registered(${work})
