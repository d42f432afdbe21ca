// Opens pages in Debian's Chromium, without a window, and prints what each shows:
//   node browse.js JSON      JSON: the pages' addresses. Prints a list of objects: id of an element -> its text
'use strict'

const { chromium } = require('playwright-core')

const PATIENCE_MS = 20000

async function visit (browser, address) {
  const page = await browser.newPage({ ignoreHTTPSErrors: true })
  const errors = []
  page.on('console', (message) => { if (message.type() === 'error') errors.push(message.text()) })
  page.on('pageerror', (error) => errors.push(String(error)))
  await page.goto(address)
  await page.waitForFunction(() => /^(answered|closed)/.test(document.getElementById('state').textContent), null,
    { timeout: PATIENCE_MS }).catch((error) => errors.push(String(error)))
  const texts = await page.$$eval('[id]', (elements) => elements.map((element) => [element.id, element.textContent]))
  await page.close()
  return { ...Object.fromEntries(texts), errors }
}

async function main (addresses) {
  // Root, and most containers, cannot have Chromium's sandbox.
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, chromiumSandbox: false })
  const shown = []
  for (const address of addresses) {
    shown.push(await visit(browser, address))
  }
  console.log(JSON.stringify(shown))
  await browser.close()
}

main(JSON.parse(process.argv[2])).catch((error) => {
  console.error(error)
  process.exit(1)
})
