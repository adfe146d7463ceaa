/* SPDX-License-Identifier: MIT */
/*
 * Who writes what into the files of export.c.  Private to the export module.
 */
#ifndef ECHOPING_EXPORT_FILE_H
#define ECHOPING_EXPORT_FILE_H

#include "echoping/export.h"

/* Write all of it; 0 or -ENOMEM.  Errors of the stream are the caller's. */
typedef int export_writer(FILE *file, const struct export_series *series,
			  size_t count);

export_writer export_write_hdr;
export_writer export_write_plot;

#endif
