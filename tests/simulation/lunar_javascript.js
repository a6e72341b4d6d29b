// lunar_javascript.js - the lines of almanac_days.c as npm's lunar-javascript has them (another
// theory of sun and moon, other code). Not run by ./dev test, which knows the SHA-256 of what it
// printed; to print it again:
//   npm install --prefix build/peer lunar-javascript@1.7.7
//   NODE_PATH=build/peer/node_modules node tests/simulation/lunar_javascript.js | sha256sum
const { Solar } = require('lunar-javascript');

const DAY_MS = 86400000;
const lines = [];
for (let t = Date.UTC(1901, 0, 1); t <= Date.UTC(2100, 11, 31); t += DAY_MS) {
	const d = new Date(t);
	const lunar = Solar.fromYmd(d.getUTCFullYear(), d.getUTCMonth() + 1, d.getUTCDate()).getLunar();
	lines.push(`${t / DAY_MS} ${lunar.getYear()} ${lunar.getMonth()} ${lunar.getDay()} ` +
		`${lunar.getJieQi()} ${lunar.getDayZhi()}\n`);
}
process.stdout.write(lines.join(''));
