# singleflight_harden(): what is compiled in this folder, and below, makes a mistake in memory end the program, where
# it could become somebody else's program. For what users run (Release); tests need none of it.
# tests/deploy/hardening_test.py reads what can be read out of the programs. SECURITY.md says what is left out, and
# docs/measured.md what all of it would cost.
include(CheckCXXCompilerFlag)

function(singleflight_harden)
  if(NOT CMAKE_BUILD_TYPE STREQUAL Release OR NOT SINGLEFLIGHT_SANITIZE STREQUAL "")
    return()
  endif()
  # Functions of the C library know how large the buffers are that they write to.
  set(fortify 3)
  if(CMAKE_CXX_COMPILER_ID STREQUAL GNU AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 12)
    set(fortify 2)
  endif()
  add_compile_options(-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=${fortify})
  # A sentinel stands behind arrays of characters on the stack; a frame that is larger than the guard page touches it;
  # functions return to where they were called, on machines that check it.
  foreach(flag -fstack-protector -fstack-clash-protection -fcf-protection=return)
    string(MAKE_C_IDENTIFIER "SINGLEFLIGHT_HAS${flag}" has)
    check_cxx_compiler_flag(${flag} ${has})
    if(${has})
      add_compile_options(${flag})
    endif()
  endforeach()
endfunction()
