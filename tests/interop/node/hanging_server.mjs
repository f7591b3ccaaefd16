// A gRPC server that takes calls and never answers. Prints its address, and ends with its standard input.

import {Backend} from './fixture.mjs';

const backend = await Backend.start();
backend.methods.unary = () => {};
console.log(backend.address);
process.stdin.on('end', () => backend.stop()).resume();
