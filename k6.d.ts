// What an import of the extension means in a k6 script. This file is the package's entry: "types": ["k6", "xk6-mconnect"] in jsconfig.json or
// tsconfig.json makes editors and tsc know it.
declare module 'k6/x/mconnect' {
  export * from 'xk6-mconnect/index';
  export { default } from 'xk6-mconnect/index';
}
