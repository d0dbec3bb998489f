// Style sheets are taken as their text.
declare module '*.css' {
  const text: string
  export default text
}
