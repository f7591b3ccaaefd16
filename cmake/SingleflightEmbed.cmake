# singleflight_embed(TARGET PREFIX FILE…): puts the files into the read-only data of TARGET, as the assembler's .incbin does.
# "page/app.js" begins at the C symbol PREFIX_app_js and ends at PREFIX_app_js_end.
function(singleflight_embed target prefix)
  set(code "// Made by singleflight_embed.\n")
  set(files)
  foreach(file ${ARGN})
    get_filename_component(path ${file} ABSOLUTE)
    get_filename_component(name ${file} NAME)
    string(MAKE_C_IDENTIFIER "${prefix}_${name}" symbol)
    string(APPEND code "asm(\".pushsection .rodata\\n.balign 16\\n"
      ".globl ${symbol}\\n.hidden ${symbol}\\n${symbol}:\\n.incbin \\\"${path}\\\"\\n"
      ".globl ${symbol}_end\\n.hidden ${symbol}_end\\n${symbol}_end:\\n.byte 0\\n.popsection\");\n")
    list(APPEND files ${path})
  endforeach()
  set(source ${CMAKE_CURRENT_BINARY_DIR}/${prefix}_embedded.cc)
  file(CONFIGURE OUTPUT ${source} CONTENT "${code}" @ONLY)
  set_source_files_properties(${source} PROPERTIES OBJECT_DEPENDS "${files}" SKIP_PRECOMPILE_HEADERS ON)
  target_sources(${target} PRIVATE ${source})
endfunction()
