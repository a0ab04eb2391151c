// SPDX-License-Identifier: MIT
/*
 * replay_neighbours.c - bytes beside buffers that devices of a replay reached
 *
 *      granule            granule            granule
 *      |nnnnnn############|##################|####nnnnnnnn|
 *             ^ buffer                            ^ its end
 *
 * The library counts them, device by device, while the buffer is mapped (dmapool/device.h).  They
 * are read when the last step is done and before anything is tidied up: what is mapped then is
 * counted up to the end of the trace.  Each mapping counts for itself, so that eight buffers in a
 * granule have seven eighths of it beside each of them.
 *
 * Slots are whole granules of their own, so bouncing devices have nothing there.  Without
 * translation there are no granules: a device reaches all memory, and is not counted.
 *
 * Mapping and unmapping alone decide: the way to flush has no part in it.
 */
#include "replay.h"
#include "json_file.h"
#include "json_put.h"

#include <dmapool/bits.h>

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>

static void read_device(struct dmp_device *device, uint32_t dev, struct replay_neighbours *beside)
{
	struct replay_neighbours_row *row = &beside->rows[beside->nrows];
	struct dmp_device_stats stats;

	if (dmp_device_get_stats(device, &stats, sizeof(stats)))
		return;
	*row = (struct replay_neighbours_row){dev, stats.neighbour_peak_bytes,
					      stats.neighbour_byte_ns};
	if (row->peak_bytes > beside->peak_bytes)
		beside->peak_bytes = row->peak_bytes;
	beside->byte_ns = dmp_add_saturated(beside->byte_ns, row->byte_ns);
	beside->nrows++;
}

struct replay_neighbours *replay_neighbours_read(const struct replay_machine *machine)
{
	struct replay_neighbours *beside =
		calloc(1, sizeof(*beside) + machine->ndevices * sizeof(beside->rows[0]));

	if (!beside)
		return NULL;
	beside->granules = replay_way_in(machine->way, REPLAY_TRANSLATED | REPLAY_BOUNCED);
	for (uint32_t i = 0; i < machine->ndevices; i++)
		if (machine->devices[i])
			read_device(machine->devices[i], i, beside);
	return beside;
}

static void print_row(FILE *to, const char *name, uint64_t peak_bytes, uint64_t byte_ns)
{
	fprintf(to, "    %-18s %9" PRIu64 " %9s\n", name, peak_bytes,
		replay_exposure_mb_seconds(byte_ns).text);
}

static void print_route(FILE *to, const struct replay_answer *a, const struct replay_result *r)
{
	const struct replay_neighbours *beside = r->beside;

	if (!beside->granules) {
		fprintf(to,
			"  %s: not counted, since nothing is translated: a device reaches all "
			"memory\n",
			r->route->name);
		return;
	}
	fprintf(to, "  %s\n", r->route->name);
	print_row(to, "all devices", beside->peak_bytes, beside->byte_ns);
	for (uint32_t i = 0; i < beside->nrows && beside->nrows > 1; i++)
		print_row(to, a->trace->devices.name[beside->rows[i].dev],
			  beside->rows[i].peak_bytes, beside->rows[i].byte_ns);
}

void replay_neighbours_print(FILE *to, const struct replay_answer *a)
{
	bool any = false;

	for (unsigned i = 0; i < a->nresults; i++) {
		if (!a->results[i].beside)
			continue;
		if (!any)
			fprintf(to,
				"\n  beside buffers, in granules that they share: most bytes of a "
				"device at once, and all\n    %-18s %9s %9s\n",
				"", "most", "MB s");
		any = true;
		print_route(to, a, &a->results[i]);
	}
	if (any)
		fputc('\n', to);
}

static json_t *row_json(uint64_t peak_bytes, uint64_t byte_ns)
{
	json_t *json = json_object(), *least = json_array();

	json_put_count(&json, "peak_bytes", peak_bytes);
	replay_exposure_put_byte_seconds(&json, &least, byte_ns);
	json_put(&json, "at_least", least);
	return json;
}

static json_t *devices_json(const struct replay_answer *a, const struct replay_neighbours *beside)
{
	json_t *devices = json_array();

	for (uint32_t i = 0; i < beside->nrows; i++) {
		const struct replay_neighbours_row *row = &beside->rows[i];
		json_t *device = row_json(row->peak_bytes, row->byte_ns);

		json_put(&device, "device", json_file_text(a->trace->devices.name[row->dev]));
		json_put_last(&devices, device);
	}
	return devices;
}

json_t *replay_neighbours_json(const struct replay_answer *a,
			       const struct replay_neighbours *beside)
{
	json_t *json;

	if (!beside || !beside->granules)
		return json_null();
	json = row_json(beside->peak_bytes, beside->byte_ns);
	json_put(&json, "devices", devices_json(a, beside));
	return json;
}

const struct replay_neighbours *replay_neighbours_of_all(const struct replay_answer *a)
{
	const struct replay_neighbours *beside = NULL;

	for (unsigned i = 0; i < a->nresults && !beside; i++) {
		const struct replay_result *r = &a->results[i];

		if (r->beside && r->beside->granules && !replay_result_is_bad(r))
			beside = r->beside;
	}
	return beside;
}

void replay_neighbours_print_all(FILE *to, const struct replay_answer *a)
{
	const struct replay_neighbours *beside = replay_neighbours_of_all(a);

	if (!beside)
		return;
	fprintf(to,
		"  beside buffers, in granules that they share, whatever the way to flush: %s MB "
		"s, at "
		"most %" PRIu64 " bytes of a device at once\n",
		replay_exposure_mb_seconds(beside->byte_ns).text, beside->peak_bytes);
}
